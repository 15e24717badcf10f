#!/usr/bin/env python3
"""Runs of the tool under mpirun: the same run for any number of ranks, killed ones, signals, refusals, rewards and sweeps.

    Tests/Distributed/distributed.py TOOL [NAME ...]

NAME chooses tests; KILLS=N sets how often a random rank is killed (20), SEED=N repeats the moments. Standard library alone.
"""
import json, os, random, re, shutil, signal, subprocess, sys, tempfile, time
from pathlib import Path

TOOL = sys.argv[1]
CHOSEN = sys.argv[2:]
SEED = int(os.environ.get("SEED", os.getpid()))
KILLS = int(os.environ.get("KILLS", 20))
PLACE = Path(tempfile.mkdtemp())
# Several ranks on one core give the core up while they wait, and a container may not let them read each other's memory.
MPI = ["mpirun", "--oversubscribe", "--mca", "btl_vader_single_copy_mechanism", "none"]
if os.geteuid() == 0:
    MPI.append("--allow-run-as-root")
MODEL = ["--model", "imdb-opt", "--task", "sst2", "--k", "6", "--test", "14", "--batch", "5", "--seed", "3", "--threads", "1"]
failures = 0


def check(is_right, words):
    global failures
    if not is_right:
        failures += 1
        print(f"distributed: FAILED {words}", flush=True)


def command(ranks, arguments):
    return [*MPI, "-n", str(ranks), TOOL, *arguments]


def run(ranks, *arguments, status=0):
    """What a job of so many ranks prints; 0 ranks stand for the tool without a launcher."""
    words = command(ranks, arguments) if ranks else [TOOL, *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    check(done.returncode == status, f"{' '.join(words)}: status {done.returncode}, not {status}: {done.stderr[-2000:]}")
    return done


def train(ranks, out, *more, optimizer="mezo", steps=6, status=0):
    return run(ranks, "train", *MODEL, "--optimizer", optimizer, "--steps", str(steps), "--eval-every", "2", *more, "--out", str(out),
               status=status)


def record(folder):
    return json.loads((folder / "run.json").read_text())


def content(folder):
    """All that is to be the same, times and ranks aside."""
    results = {k: v for k, v in record(folder)["results"].items() if k not in ("seconds", "peak_memory_bytes", "ranks")}
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return (folder / "trajectory.bin").read_bytes(), results, [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def same():
    """Trajectory, weights and rows are the same for 0 (no launcher), 1, 2, 3 and 4 ranks."""
    kinds = {
        "mezo": [], "lozo-m": ["--interval", "2"], "dizo": ["--kappa", "2"], "mezo-lora": ["--lr", "0.01"],
        "fzoo": ["--lr", "1e-4"], "grzo": ["--lr", "1e-3"], "lozo": ["--set", "model.storage=frozen", "--interval", "2"],
    }
    for optimizer, more in kinds.items():
        expected = None
        for ranks in (0, 1, 2, 3, 4):
            out = PLACE / f"same-{optimizer}-{ranks}"
            train(ranks, out, *more, "--shards", "4", optimizer=optimizer)
            expected = expected or content(out)
            check(content(out) == expected, f"{optimizer} with {ranks} ranks is another run")
        ranks = record(PLACE / f"same-{optimizer}-2")["results"]["ranks"]
        check([r["rank"] for r in ranks] == [0, 1] and all(r["seconds_waited"] >= 0 for r in ranks), f"ranks in the record: {ranks}")


def default_shards():
    """8 under mpirun, N where N is larger, 1 without."""
    for ranks, shards in ((0, 1), (1, 8), (2, 8)):
        out = PLACE / f"default-{ranks}"
        train(ranks, out, steps=2)
        check(record(out)["configuration"]["run"]["shards"] == shards, f"{ranks} ranks: {record(out)['configuration']['run']['shards']} shards")


def sent():
    """Bytes that a rank sends for a step of MeZO in two shards: 2 losses of 8 bytes, and 8."""
    out = PLACE / "sent"
    train(2, out, "--shards", "2", steps=10)
    for rank in record(out)["results"]["ranks"]:
        check(rank["bytes_sent"] == 10 * 24 and rank["measurings"] == 10, f"{rank}")


def children(pid):
    """The processes of the tool below mpirun."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        parent = int(text.rsplit(")", 1)[1].split()[1])
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


def killed():
    """A random rank is killed at a random moment, and another number of ranks goes on; nothing but the step under way is lost."""
    moments = random.Random(SEED)
    print(f"distributed: SEED={SEED}", flush=True)
    whole = PLACE / "whole"
    more = ["--set", "run.snapshot-every=7", "--shards", "4", "--interval", "3"]
    train(2, whole, *more, optimizer="lozo-m", steps=60)
    kills = ended = 0
    while kills < KILLS:
        out = PLACE / f"killed-{ended}"
        before = 0
        while True:
            ranks = moments.choice((2, 3, 4))
            start = ["train", "--resume", "--out", str(out)]
            if not (out / "run.json").exists():
                shutil.rmtree(out, ignore_errors=True)
                start = ["train", *MODEL, "--optimizer", "lozo-m", "--steps", "60", "--eval-every", "2", *more, "--out", str(out)]
            job = subprocess.Popen(command(ranks, start), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(moments.uniform(0.6, 2.5))
            processes = children(job.pid) if kills < KILLS else []
            if processes and job.poll() is None:
                try:
                    os.kill(moments.choice(processes), signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            words = job.communicate(timeout=600)[1]
            steps = rows(out)
            check(steps >= before, f"{before} steps were on record, and then {steps}")
            before = steps
            if job.returncode == 0:
                break
            check("FAILED" not in words and "Fatal error" not in words, words[-2000:])
        check(content(out) == content(whole), f"run {ended}, killed and resumed, is another one")
        ended += 1
    print(f"distributed: {kills} ranks killed, {ended} runs ended", flush=True)


def rows(folder):
    try:
        lines = (folder / "metrics.jsonl").read_text().splitlines()
    except OSError:
        return 0
    return sum('"kind":"step"' in line.replace(" ", "") and line.endswith("}") for line in lines)


def signals():
    """A signal to mpirun ends the job after a step, with the records closed; it can go on."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        out = PLACE / f"signal-{number}"
        start = ["train", *MODEL, "--optimizer", "mezo", "--steps", "100000", "--eval-every", "100000", "--out", str(out)]
        job = subprocess.Popen(command(3, start), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(300):
            if rows(out) > 5:
                break
            time.sleep(0.1)
        job.send_signal(number)
        words = job.communicate(timeout=60)[1]
        check(job.returncode != 0, f"status {job.returncode} after a signal")
        check("interrupted" in (record(out)["end"] or ""), f"{number!r}: end {record(out)['end']}: {words[-1500:]}")
        check("to go on" in words, words[-1500:])
        done = rows(out)
        run(2, "train", "--resume", "--out", str(out), "--steps", str(done + 3), "--eval-every", str(done + 3))
        check(rows(out) == done + 3, f"{rows(out)} steps after going on from {done}")


def refused():
    """A rank whose model differs is refused by name. The two see different models at one path."""
    base = Path(TOOL).resolve().parent
    model = next(base.glob("*.resources")) / "imdb-opt"
    for name in ("a", "b"):
        shutil.copytree(model, PLACE / name / "model")
    config = PLACE / "b" / "model" / "config.json"
    config.write_text(config.read_text().replace('"relu"', '"gelu"'))
    arguments = ["train", "--model", "model", *MODEL[2:], "--optimizer", "mezo", "--steps", "2", "--out", str(PLACE / "refused")]
    words = [*MPI, "-n", "1", "-wdir", str(PLACE / "a"), TOOL, *arguments, ":", "-n", "1", "-wdir", str(PLACE / "b"), TOOL, *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    check(done.returncode == 2, f"status {done.returncode}: {done.stderr[-1500:]}")
    check(re.search(r"zeroth: rank 1 \(.*\): input 'configuration': found", done.stderr), done.stderr[-1500:])
    check(not (PLACE / "refused").exists(), "a folder was made")
    shutil.rmtree(PLACE / "b" / "model")
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    check(done.returncode == 2 and "zeroth: rank 1: " in done.stderr, f"no model: {done.returncode}: {done.stderr[-1500:]}")
    done = run(2, "list", status=2)
    check(done.stderr.count("2 processes of one job") == 1, done.stderr[-1500:])
    done = run(3, "train", *MODEL, "--optimizer", "mezzo", "--steps", "2", status=2)
    check(done.stderr.count("zeroth: ") == 1 and "mezzo" in done.stderr, done.stderr[-1500:])


def without():
    """A tool without MPI says so, where there is one."""
    plain = Path(__file__).resolve().parents[2] / ".build" / "release" / "zeroth"
    if not plain.exists():
        return
    words = [*MPI, "-n", "2", str(plain), "train", *MODEL, "--optimizer", "mezo", "--steps", "2"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    check(done.returncode == 2 and "built without MPI" in done.stderr, done.stderr[-1500:])


def evaluations():
    """A rank that cannot see the run's folder helps all the same."""
    expected = PLACE / "seen"
    train(1, expected, "--shards", "4", "--lr", "1e-3")
    for name in ("near", "far"):
        (PLACE / name).mkdir()
    arguments = ["train", *MODEL, "--optimizer", "mezo", "--steps", "6", "--eval-every", "2", "--shards", "4", "--lr", "1e-3", "--out", "run"]
    words = [*MPI, "-n", "1", "-wdir", str(PLACE / "near"), TOOL, *arguments, ":", "-n", "2", "-wdir", str(PLACE / "far"), TOOL, *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    check(done.returncode == 0, done.stderr[-1500:])
    check(content(PLACE / "near" / "run") == content(expected), "another run where rank 0 alone sees the folder")
    check(not list((PLACE / "far").iterdir()), "another rank than 0 wrote something")


def rewards():
    """Each rank starts the program for its own shards; one that fails on a rank ends all, by name."""
    folder = PLACE / "reward"
    folder.mkdir()
    (folder / "score.py").write_text(
        "import json, os, sys\n"
        "open(f'{os.path.dirname(os.path.abspath(__file__))}/started-{os.getpid()}', 'w').close()\n"
        "for line in sys.stdin:\n"
        "    if os.environ.get('FAIL') == os.environ.get('OMPI_COMM_WORLD_RANK', '0'): sys.exit('no score here')\n"
        "    print(len(set(json.loads(line)['answer'])) / 16, flush=True)\n")
    (folder / "task.toml").write_text(REWARD)
    (folder / "rows.jsonl").write_text("".join(json.dumps({"text": f"the film number {i} is"}) + "\n" for i in range(30)))
    more = ["--task", str(folder / "task.toml"), "--data", str(folder / "rows.jsonl"), "--batch", "4", "--optimizer", "mezo", "--steps", "4", "--eval-every", "2", "--seed", "3",
            "--shards", "4", "--threads", "1"]
    expected = None
    for ranks in (0, 2, 3):
        for old in folder.glob("started-*"):
            old.unlink()
        out = PLACE / f"reward-{ranks}"
        run(ranks, "train", "--model", "imdb-opt", *more, "--out", str(out))
        expected = expected or content(out)
        check(content(out) == expected, f"rewards with {ranks} ranks are others")
        check(len(list(folder.glob("started-*"))) >= max(1, ranks), f"{len(list(folder.glob('started-*')))} programs of {ranks} ranks")
    words = [*MPI, "-x", "FAIL=1", "-n", "2", TOOL, "train", "--model", "imdb-opt", *more]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    check(done.returncode == 2 and "rank 1: " in done.stderr and "no score here" in done.stderr, done.stderr[-1500:])


REWARD = """name = "letters"
kind = "reward"
prompt = "{text}"
train = 12
dev = 6
test = 6
[reward]
max-tokens = 6
command = ["python3", "score.py"]
"""


def sweep():
    """The runs of a sweep, each by a rank."""
    file = PLACE / "sweep.toml"
    file.write_text(
        '[model]\npath = "imdb-opt"\n[task]\nname = "sst2"\nk = 6\ntest = 14\n'
        '[run]\noptimizer = ["mezo", "lozo"]\nsteps = 4\nbatch = 5\nseed = [1, 2, 3]\neval-every = 2\nthreads = 1\n[sweep]\nbudget = "steps"\n')
    tables = []
    for ranks in (0, 2):
        out = PLACE / f"sweep-{ranks}"
        tables.append(json.loads(run(ranks, "sweep", str(file), "--out", str(out), "--json").stdout))
        runs = sorted(path.parent for path in out.glob("*/trajectory.bin"))
        check(len(runs) == 6, f"{len(runs)} runs of {ranks} ranks")
    for folder in (PLACE / "sweep-0").glob("*/trajectory.bin"):
        other = PLACE / "sweep-2" / folder.parent.name / "trajectory.bin"
        check(other.exists() and other.read_bytes() == folder.read_bytes(), f"{folder.parent.name} is another run")


TESTS = [same, default_shards, sent, killed, signals, refused, without, evaluations, rewards, sweep]
for test in TESTS:
    if CHOSEN and test.__name__ not in CHOSEN:
        continue
    start = time.monotonic()
    before = failures
    try:
        test()
    except Exception as error:  # the others are still worth running
        check(False, f"{test.__name__}: {error!r}")
    print(f"distributed: {test.__name__} {'passed' if failures == before else 'FAILED'} in {time.monotonic() - start:.0f} s", flush=True)
shutil.rmtree(PLACE, ignore_errors=True)
sys.exit(1 if failures else 0)
