//! What a gRPC client costs by itself: encoded requests over one connection, four at a time, through a tonic channel with
//! a codec that passes bytes on, and through hyper's HTTP/2 client.

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};

use super::{Job, whole_process};
use crate::{
    Failure,
    catalogue::{Measure, Subject, Variant},
    grpc_client::{EXPORT_TRACES, GrpcClient},
    resident,
    sample::{Metric, Sample},
    subject,
};

/// Requests under way at a time.
const IN_FLIGHT: u64 = 4;

pub(super) fn run(job: &Job) -> Result<Option<Sample>, Failure> {
    let (bytes, requests) = match job.case.variant {
        Variant::Small => (8 * 1024, 20_000),
        _ => (512 * 1024, 2_000),
    };
    let (request, spans) = subject::encoded_spans(bytes);
    let per_task = job.scaled(requests) / IN_FLIGHT;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = runtime.block_on(async {
        Ok::<_, Failure>(match job.subject {
            Subject::TonicChannel => Client::Tonic(connect_tonic(&job.receiver).await?),
            _ => Client::Hyper(GrpcClient::connect(&job.receiver, EXPORT_TRACES).await?),
        })
    })?;
    let send = |per_task: u64| -> Result<u64, Failure> {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..IN_FLIGHT)
                .map(|_| {
                    let (mut client, request) = (client.clone(), request.clone());
                    tokio::spawn(async move {
                        for _ in 0..per_task {
                            client.call(request.clone()).await?;
                        }
                        Ok::<_, Failure>(())
                    })
                })
                .collect();
            for task in tasks {
                task.await??;
            }
            Ok(per_task * IN_FLIGHT)
        })
    };
    let warmed_up = send(per_task.div_ceil(10))?;
    let (mut sample, requests) = whole_process(job, || send(per_task))?;
    if job.measure == Measure::Cpu {
        sample.metrics.insert(Metric::PeakResidentKib, resident::peak_kib()? as f64);
    }
    sample.sent = Some((warmed_up + requests) * spans);
    Ok(Some(sample))
}

#[derive(Clone)]
enum Client {
    Tonic(Grpc<Channel>),
    Hyper(GrpcClient),
}

impl Client {
    async fn call(&mut self, request: Bytes) -> Result<(), Failure> {
        match self {
            Client::Hyper(client) => client.call([request]).await,
            Client::Tonic(client) => {
                client.ready().await?;
                let path = PathAndQuery::from_static(EXPORT_TRACES);
                client.unary(tonic::Request::new(request), path, BytesCodec).await?;
                Ok(())
            }
        }
    }
}

async fn connect_tonic(receiver: &str) -> Result<Grpc<Channel>, Failure> {
    let channel = Endpoint::from_shared(format!("http://{receiver}"))?.connect().await?;
    Ok(Grpc::new(channel))
}

/// Messages are bytes already.
#[derive(Clone, Copy)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = BytesCodec;
    type Decoder = BytesCodec;

    fn encoder(&mut self) -> BytesCodec {
        BytesCodec
    }

    fn decoder(&mut self) -> BytesCodec {
        BytesCodec
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(message.len());
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
