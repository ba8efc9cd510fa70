//! Every way in which a receiver can fail that the contract covers.

use std::time::Duration;

use http::StatusCode;
use otlp_receiver::{Fault, GarbageLayer, GrpcCode, ResetPoint, ResetScope};

pub(crate) fn all() -> Vec<Fault> {
    let mut faults: Vec<Fault> = GrpcCode::FAILURES.into_iter().map(Fault::grpc).collect();
    let statuses = [400, 401, 403, 404, 408, 413, 415, 429, 500, 501, 502, 503, 504];
    faults.extend(statuses.into_iter().filter_map(|status| StatusCode::from_u16(status).ok()).map(Fault::http));
    faults.extend([
        Fault::throttle(Duration::from_millis(20)),
        Fault::reject(1),
        Fault::reject_fraction(0.3),
        Fault::reject_fraction(1.0),
        Fault::warning("think of your quota"),
        Fault::delay(Duration::from_millis(30)),
        Fault::LateAnswer { by: Duration::from_millis(500) },
    ]);
    for stored in [false, true] {
        faults.push(Fault::BlackHole { stored });
        faults.push(Fault::Garbage { stored, layer: GarbageLayer::Connection });
        for point in [ResetPoint::BeforeHeaders, ResetPoint::AfterHeaders] {
            for scope in [ResetScope::Stream, ResetScope::Connection] {
                faults.push(Fault::Reset { stored, point, scope });
            }
        }
    }
    // Acknowledged, with an answer that cannot be read: the items count as delivered, and are.
    faults.push(Fault::Garbage { stored: true, layer: GarbageLayer::Message });
    faults
}
