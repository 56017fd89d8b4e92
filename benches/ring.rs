//! What a mailbox costs a single thread, without another processor that has its lines: `cargo bench --bench ring`.

#[cfg(loom)]
fn main() {}

#[cfg(not(loom))]
fn main() {
    not_loom::main();
}

#[cfg(not(loom))]
mod not_loom {
    use criterion::{BenchmarkId, Criterion, Throughput};
    use mailbox::{Config, Endpoint, Region};
    use std::hint::black_box;

    const SIZES: [usize; 4] = [8, 48, 256, 4096];
    /// Messages in a batch.
    const BATCH: u64 = 100;

    pub fn main() {
        let mut criterion = Criterion::default().configure_from_args();
        let region = Region::create_unnamed(Config::ranks(2)).expect("memory for a region");
        let me = region.join(0).expect("a free rank");
        let other = region.join(1).expect("a free rank");
        measure_all(&mut criterion, &me, &other);
        criterion.final_summary();
    }

    fn receive(other: &Endpoint, payload: &mut [u8]) {
        other.try_recv().unwrap().expect("it was sent").copy_to(black_box(payload));
    }

    fn measure_all(criterion: &mut Criterion, me: &Endpoint, other: &Endpoint) {
        let mut group = criterion.benchmark_group("try_send and try_recv");
        for bytes in SIZES {
            let mut payload = vec![1; bytes];
            group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
                bencher.iter(|| {
                    me.try_send(1, black_box(&payload)).expect("there is room");
                    receive(other, &mut payload);
                });
            });
        }
        group.finish();
        let mut group = criterion.benchmark_group("a loan, sent, and try_recv");
        for bytes in SIZES {
            let mut payload = vec![1; bytes];
            group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
                bencher.iter(|| {
                    let mut loan = me.loan(bytes).expect("there is room");
                    loan.write_at(0, black_box(&payload));
                    loan.commit(bytes).send(1).expect("nobody took the rank");
                    receive(other, &mut payload);
                });
            });
        }
        group.finish();
        let mut group = criterion.benchmark_group("batches of 100");
        group.throughput(Throughput::Elements(BATCH));
        for bytes in [8, 48] {
            let mut payload = vec![1; bytes];
            group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
                bencher.iter(|| {
                    let batch = me.batch();
                    (0..BATCH).for_each(|_| me.try_send(1, black_box(&payload)).expect("there is room"));
                    drop(batch);
                    let _batch = other.batch();
                    (0..BATCH).for_each(|_| receive(other, &mut payload));
                });
            });
        }
        group.finish();
    }
}
