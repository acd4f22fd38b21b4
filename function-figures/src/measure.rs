//! Starting functions and having them work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambda_emulator::{Environment, INIT_TIME_LIMIT, Settings};
use local::template::FunctionDefinition;

use crate::Failure;
use crate::aws::Aws;
use crate::database::Way;
use crate::events;
use crate::figures::{Costs, Figures};
use crate::people::{JWT_SECRET, People};
use crate::process::{processor_time, resident_memory};
use crate::programs::Size;

/// What functions need to work.
pub(crate) struct Stage<'a> {
    /// Where the binaries are.
    pub(crate) folder: PathBuf,
    /// How often each is started for each way.
    pub(crate) runs: usize,
    /// How many invocations follow the first one.
    pub(crate) warm: usize,
    pub(crate) ways: &'a [Way],
    pub(crate) people: People,
    pub(crate) aws: Aws,
}

/// How long something took, and the processor time of the function's process in it.
#[derive(Debug, Clone, Copy)]
struct Cost {
    elapsed: Duration,
    processor: Duration,
}

/// A function that has started.
struct Started {
    environment: Environment,
    start: Cost,
}

impl Stage<'_> {
    /// Measures a function in all ways. What follows the first invocation is measured in the last way.
    pub(crate) async fn measure(&self, function: &FunctionDefinition) -> Result<Figures, Failure> {
        let size = Size::of(&self.folder.join(&function.name))?;
        let (mut starts, mut firsts, mut last) = (Vec::new(), Vec::new(), None);
        for way in self.ways {
            // The first time what the program, the statements and their tables are made of comes from the disk.
            self.run_cold(function, way).await?;
            let mut costs = Vec::new();
            for _ in 0..self.runs {
                let (started, first) = self.run_cold(function, way).await?;
                starts.push(started.start);
                costs.push(first);
                last = Some(started.environment);
            }
            firsts.push(costs.into_iter().collect());
        }
        let mut environment = last.ok_or("there is no way to connect")?;
        let warm = self.run_warm(function, &mut environment).await?;
        Ok(Figures {
            name: function.name.clone(),
            start: starts.into_iter().collect(),
            firsts,
            warm,
            memory_at_start: self.memory_at_start(function).await?,
            memory_at_work: resident_memory(environment.process_id())?,
            size,
        })
    }

    /// Starts a function and has it handle an event at once, as Lambda does.
    async fn run_cold(&self, function: &FunctionDefinition, way: &Way) -> Result<(Started, Cost), Failure> {
        let event = self.event(&function.name).await?;
        let mut started = self.start(function, way).await?;
        let first = self.invoke(&mut started.environment, &function.name, event).await?;
        Ok((started, first))
    }

    async fn run_warm(&self, function: &FunctionDefinition, environment: &mut Environment) -> Result<Costs, Failure> {
        let mut costs = Vec::new();
        for _ in 0..self.warm {
            let event = self.event(&function.name).await?;
            costs.push(self.invoke(environment, &function.name, event).await?);
        }
        Ok(costs.into_iter().collect())
    }

    /// Starts a function, until it asks for its first invocation.
    async fn start(&self, function: &FunctionDefinition, way: &Way) -> Result<Started, Failure> {
        let begin = Instant::now();
        let mut environment = Environment::launch(&self.settings(function, way)).await?;
        let is_ready = environment.is_ready().await;
        let elapsed = begin.elapsed();
        if !is_ready {
            return Err(format!("{} did not start: --logs shows what it logs", function.name).into());
        }
        let processor = processor_time(environment.process_id())?;
        Ok(Started {
            environment,
            start: Cost { elapsed, processor },
        })
    }

    /// An event that nobody has handled.
    async fn event(&self, function: &str) -> Result<Bytes, Failure> {
        let company = self.people.company().await?;
        if events::needs_connection(function) {
            self.people.connect(&company.absent).await?;
        }
        Ok(events::event(function, &company, &self.aws)?.to_string().into())
    }

    /// Has a function handle an event. The time ends with the answer, the processor time with what follows it.
    async fn invoke(&self, environment: &mut Environment, function: &str, event: Bytes) -> Result<Cost, Failure> {
        let processor = processor_time(environment.process_id())?;
        let begin = Instant::now();
        let answer = environment.invoke(event).await;
        let elapsed = begin.elapsed();
        if !environment.settle().await {
            return Err(format!("{function} ended after its answer: --logs shows what it logs").into());
        }
        events::check(function, &answer, &self.aws)?;
        Ok(Cost {
            elapsed,
            processor: processor_time(environment.process_id())?.saturating_sub(processor),
        })
    }

    async fn memory_at_start(&self, function: &FunctionDefinition) -> Result<u64, Failure> {
        let way = self.ways.last().ok_or("there is no way to connect")?;
        resident_memory(self.start(function, way).await?.environment.process_id())
    }

    /// The environment that the template gives a function, with the defaults of its parameters.
    fn settings(&self, function: &FunctionDefinition, way: &Way) -> Settings {
        let set = BTreeMap::from([
            ("DATABASE_URL", way.url.clone()),
            ("DATABASE_DIRECT_URL", way.direct_url.clone()),
            ("DATABASE_STATEMENTS", "unnamed".to_owned()),
            ("JWT_SECRET", JWT_SECRET.to_owned()),
            ("WEBSOCKET_CALLBACK_URL", self.aws.callback_url()),
            ("RUST_LOG", "info".to_owned()),
        ]);
        Settings {
            name: function.name.clone(),
            program: self.folder.join(&function.name),
            variables: function.variables(&set),
            init_time_limit: INIT_TIME_LIMIT,
            time_limit: function.timeout,
            concurrency: 1,
        }
    }
}

impl FromIterator<Cost> for Costs {
    fn from_iter<T: IntoIterator<Item = Cost>>(costs: T) -> Self {
        let costs: Vec<_> = costs.into_iter().collect();
        Self {
            elapsed: costs.iter().map(|cost| cost.elapsed).collect(),
            processor: costs.iter().map(|cost| cost.processor).collect(),
        }
    }
}
