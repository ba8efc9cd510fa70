//! A transport for each endpoint: made when it is first sent to, dropped when it has left.

use std::{collections::HashMap, sync::Arc};

use otlp_core::ExportError;
use otlp_discovery::{Picked, ServicePool};
use parking_lot::Mutex;

type Connect<A> = Box<dyn Fn(&Picked) -> Result<A, ExportError> + Send + Sync>;

pub(super) struct Transports<A> {
    connect: Connect<A>,
    /// By [`Picked::id`].
    known: Mutex<Known<A>>,
}

struct Known<A> {
    by_id: HashMap<u64, Arc<A>>,
    /// [`ServicePool::generation`] when those that had left were last forgotten.
    generation: u64,
}

impl<A> Transports<A> {
    pub(super) fn new(connect: impl Fn(&Picked) -> Result<A, ExportError> + Send + Sync + 'static) -> Self {
        Transports { connect: Box::new(connect), known: Mutex::new(Known { by_id: HashMap::new(), generation: 0 }) }
    }

    /// The transport to the endpoint that was picked from `pool`.
    pub(super) fn of(&self, picked: &Picked, pool: &ServicePool) -> Result<Arc<A>, ExportError> {
        let mut known = self.known.lock();
        let generation = pool.generation();
        if known.generation != generation {
            let ids = pool.ids();
            known.by_id.retain(|id, _| ids.contains(id));
            known.generation = generation;
        }
        if let Some(transport) = known.by_id.get(&picked.id()) {
            return Ok(Arc::clone(transport));
        }
        let transport = Arc::new((self.connect)(picked)?);
        known.by_id.insert(picked.id(), Arc::clone(&transport));
        Ok(transport)
    }
}
