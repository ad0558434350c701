"""The benchmark suite: `make bench`, or one program at a time, e.g. `python -m tests.benchmarks.bench_personalize --quick`.

Every program writes a Markdown table under docs/benchmarks/, with the command, the machine and the versions that made it.

    bench_personalize   organisers and baselines on the test people: control, leakage, identity, reconstruction, cost
    bench_restoration   super-resolution, inpainting and deblurring against classical methods and the untuned prior
    bench_compact       bytes of a persona against what quantising it changes
    bench_generator     the generator against a plain formulation of the reference
    bench_import        what `import portraitist` costs
"""
