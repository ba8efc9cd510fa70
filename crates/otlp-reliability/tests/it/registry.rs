//! Registries: one of a service's own, and the one of the process. The latter's tests take turns.

use std::sync::Arc;

use otlp_reliability::{
    self as reliability, Bulkhead, Controlled, HealthChecker, Pipeline, PolicyConfig, Registry, RegistryError,
    RetryPolicy, Snapshot, Timeout,
};

fn retry() -> otlp_reliability::Retry {
    RetryPolicy::new().build().unwrap()
}

fn names(metrics: &reliability::Metrics) -> Vec<&str> {
    metrics.policies.iter().map(|policy| policy.name.as_str()).collect()
}

#[test]
fn a_registry_lists_what_lives_in_the_order_in_which_it_came() {
    let registry = Registry::new();
    let (retry, bulkhead) = (retry(), Bulkhead::new(3));
    registry.register("b", &retry);
    registry.register("a", &bulkhead);
    registry.register("left out", &None::<Timeout>);
    assert_eq!(names(&registry.metrics()), ["b", "a"]);
    assert_eq!(format!("{registry:?}"), r#"["b", "a"]"#);

    let permit = bulkhead.try_acquire().unwrap();
    let metrics = registry.clone().metrics();
    assert!(matches!(metrics.policy("a"), Some(Snapshot::Bulkhead(figures)) if figures.in_flight == 1));
    drop(permit);

    let clone = retry.clone();
    drop(retry);
    assert_eq!(names(&registry.metrics()), ["b", "a"], "a clone is the same policy");
    drop(clone);
    assert_eq!(names(&registry.metrics()), ["a"]);
    assert_eq!(registry.metrics().policy("b"), None);
}

#[tokio::test]
async fn health_is_shown_beside_the_policies() {
    let registry = Registry::new();
    let checker = HealthChecker::new();
    checker.add_check("database", || async { Err::<(), _>("not there") }).await.unwrap();
    registry.register("health", &checker);
    checker.check_now().await;
    let metrics = registry.metrics();
    let Some(Snapshot::Health(status)) = metrics.policy("health") else { panic!("{metrics:?}") };
    assert!(status.check("database").is_some_and(|check| check.failed_rounds == 1));
    let settings = PolicyConfig::from(RetryPolicy::new());
    let refused = checker.control().unwrap().reload(&settings).unwrap_err();
    assert_eq!((refused.field(), refused.accepted()), ("kind", "health"));
    drop(checker);
    assert!(registry.metrics().policies.is_empty());
}

#[test]
fn a_pipeline_shows_its_stages_itself() {
    let registry = Registry::new();
    let retry = retry();
    let pipeline = Pipeline::builder("payments").with("retry", retry.clone()).build().unwrap();
    registry.register("payments", &pipeline);
    assert_eq!(names(&registry.metrics()), ["payments"]);
    registry.register("payments.retry", &retry);
    assert_eq!(names(&registry.metrics()), ["payments", "payments.retry"], "shown where somebody wants it");
}

/// Held by each test that uses the registry of the process.
pub(crate) static TURNS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The names that begin with `prefix`: other tests of this process make policies at the same time.
async fn named(prefix: &str) -> Vec<String> {
    let metrics = reliability::get_metrics().await.unwrap();
    metrics.policies.into_iter().map(|policy| policy.name).filter(|name| name.starts_with(prefix)).collect()
}

#[tokio::test]
async fn policies_announce_themselves_from_init_to_shutdown() {
    let _turn = TURNS.lock().await;
    assert_eq!(reliability::get_metrics().await, Err(RegistryError::NotInitialized));
    assert_eq!(reliability::shutdown().await, Err(RegistryError::NotInitialized));
    let before = retry();
    assert_eq!(reliability::register("lifecycle.before", &before), Err(RegistryError::NotInitialized));

    reliability::init().await.unwrap();
    assert!(named("lifecycle").await.is_empty(), "made before, and not announced");
    reliability::register("lifecycle.before", &before).unwrap();
    let unnamed = retry();
    let pipeline = Pipeline::builder("lifecycle.pipeline").with("retry", unnamed).build().unwrap();
    let again = Pipeline::builder("lifecycle.pipeline").build().unwrap();
    let alone = Bulkhead::new(7);
    assert_eq!(
        named("lifecycle").await,
        ["lifecycle.before", "lifecycle.pipeline", "lifecycle.pipeline-1"],
        "two of the same name are told apart"
    );
    let bulkheads = named("bulkhead-").await;
    assert!(!bulkheads.is_empty());
    reliability::register("lifecycle.limit", &alone).unwrap();
    reliability::init().await.unwrap();
    assert_eq!(named("lifecycle").await.len(), 4, "init again changes nothing");

    drop((again, alone));
    assert_eq!(named("lifecycle").await, ["lifecycle.before", "lifecycle.pipeline"]);
    reliability::shutdown().await.unwrap();
    assert_eq!(reliability::get_metrics().await, Err(RegistryError::NotInitialized));
    reliability::init().await.unwrap();
    assert!(named("lifecycle").await.is_empty(), "shutdown forgets");
    reliability::shutdown().await.unwrap();
    drop((before, pipeline));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn init_and_shutdown_race_with_policies_that_come_and_go() {
    let _turn = TURNS.lock().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8u32 {
        tasks.spawn(async move {
            for round in 0..200u32 {
                match (task + round) % 4 {
                    0 => reliability::init().await.unwrap(),
                    1 => drop(reliability::shutdown().await),
                    2 => drop(reliability::get_metrics().await),
                    _ => drop(reliability::register("race", &retry())),
                }
                let policy = Arc::new(retry());
                tokio::task::yield_now().await;
                drop(policy);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    reliability::init().await.unwrap();
    let here = Pipeline::builder("race.after").build().unwrap();
    assert_eq!(named("race").await, ["race.after"], "no policy of the race is left");
    drop(here);
    reliability::shutdown().await.unwrap();
}

#[cfg(feature = "serde")]
#[test]
fn metrics_are_data() {
    let registry = Registry::new();
    let bulkhead = Bulkhead::new(3);
    registry.register("limit", &bulkhead);
    let data = serde_json::to_value(registry.metrics()).unwrap();
    assert_eq!(data["policies"][0]["name"], "limit");
    assert_eq!(data["policies"][0]["snapshot"]["kind"], "bulkhead");
    assert_eq!(data["policies"][0]["snapshot"]["max_concurrent"], 3);
}
