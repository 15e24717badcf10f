#!/usr/bin/env python3
"""Runs over two "hosts" of this machine: network namespaces with a name of their own, joined by a link of some latency and loss.

    Tests/Distributed/hosts.py TOOL

It needs root, `ip` and /dev/net/tun, and says so where one of them is missing. The link is made of two TUN devices and a relay in
this process that holds each packet back, and loses some: it needs no module of the kernel, as netem does. MPI starts the other host's
processes through `ip netns exec` in the place of ssh, and talks TCP. Standard library alone.
"""
import ctypes, fcntl, heapq, json, os, random, select, shutil, statistics, struct, subprocess, sys, tempfile, threading, time
from pathlib import Path

TOOL = sys.argv[1]
PLACE = Path(tempfile.mkdtemp())
NAMES = [f"zh{os.getpid()}a", f"zh{os.getpid()}b"]
ADDRESSES = ["10.213.7.1", "10.213.7.2"]
MODEL = ["--model", "imdb-opt", "--task", "sst2", "--k", "6", "--test", "14", "--batch", "5", "--seed", "3", "--threads", "1"]
failures = 0


def check(is_right, words):
    global failures
    if not is_right:
        failures += 1
        print(f"hosts: FAILED {words}", flush=True)


def sh(*words):
    subprocess.run(words, check=True)


def tun(namespace, address):
    """A TUN device in a namespace, open in this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(other, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", b"zlink", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    libc.setns(own, 0)
    for words in (["addr", "add", f"{address}/24", "dev", "zlink"], ["link", "set", "zlink", "up"], ["link", "set", "lo", "up"]):
        sh("ip", "netns", "exec", namespace, "ip", *words)
    return device


class Link(threading.Thread):
    """Carries packets between two devices, each `delay` seconds late; a part `loss` of them is lost."""

    def __init__(self, devices):
        super().__init__(daemon=True)
        self.devices, self.delay, self.loss, self.bytes = devices, 0.0, 0.0, [0, 0]
        self.random = random.Random(1)

    def run(self):
        waiting, count = [], 0
        while True:
            pause = max(0, waiting[0][0] - time.monotonic()) if waiting else 1
            for device in select.select(self.devices, [], [], pause)[0]:
                side = self.devices.index(device)
                packet = os.read(device, 1 << 16)
                self.bytes[side] += len(packet)
                if self.random.random() >= self.loss:
                    count += 1
                    heapq.heappush(waiting, (time.monotonic() + self.delay, count, self.devices[1 - side], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, device, packet = heapq.heappop(waiting)
                try:
                    os.write(device, packet)
                except OSError:
                    pass


def run(*arguments, ranks=2, status=0):
    """What the tool prints, started on the first host for ranks on both."""
    mpi = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--mca", "plm_rsh_agent", str(PLACE / "agent"), "--mca", "btl", "tcp,self",
           "--mca", "btl_tcp_if_include", "zlink", "--mca", "oob_tcp_if_include", "zlink", "--map-by", "node",
           "-host", ",".join(f"{address}:{(ranks + 1) // 2}" for address in ADDRESSES), "-n", str(ranks), TOOL, *arguments]
    script = f"hostname {NAMES[0]}; exec \"$@\""
    words = ["ip", "netns", "exec", NAMES[0], "unshare", "-u", "bash", "-c", script, "bash", *mpi]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    check(done.returncode == status, f"{arguments[:2]}: status {done.returncode}: {done.stderr[-2000:]}")
    return done


def results(folder):
    return json.loads((folder / "run.json").read_text())["results"]


def step_seconds(folder):
    """The median time of a step: what a busy machine does to some of them does not count."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    ends = [row["seconds"] for row in rows if row["kind"] == "step"]
    return statistics.median(b - a for a, b in zip(ends, ends[1:]))


def main():
    missing = [what for what, is_there in (("root", os.geteuid() == 0), ("ip", shutil.which("ip")),
               ("/dev/net/tun", Path("/dev/net/tun").exists()), ("mpirun", shutil.which("mpirun"))) if not is_there]
    if missing:
        return print(f"hosts: skipped, as there is no {', no '.join(missing)}")
    (PLACE / "agent").write_text(
        "#!/bin/bash\nhost=$1; shift\n"
        f"name={NAMES[1]}; [ $host = {ADDRESSES[0]} ] && name={NAMES[0]}\n"
        "exec ip netns exec $name unshare -u bash -c \"hostname $name; $*\"\n")
    (PLACE / "agent").chmod(0o755)
    for name in NAMES:
        sh("ip", "netns", "add", name)
    link = Link([tun(*place) for place in zip(NAMES, ADDRESSES)])
    link.start()

    # The same run as that of one process, also with packets lost; and what it costs.
    alone = PLACE / "alone"
    train = ["train", *MODEL, "--optimizer", "mezo", "--steps", "60", "--eval-every", "60", "--shards", "2"]
    subprocess.run([TOOL, *train, "--out", str(alone)], check=True, capture_output=True)
    steps = {}
    for number, (delay, loss) in enumerate(((0, 0), (0.01, 0), (0, 0), (0.01, 0), (0.01, 0.02))):
        link.delay, link.loss = delay, loss
        out = PLACE / f"run-{number}"
        run(*train, "--out", str(out))
        check((out / "trajectory.bin").read_bytes() == (alone / "trajectory.bin").read_bytes(), f"{delay} s, loss {loss}: another run")
        found = results(out)
        hosts = [rank["host"] for rank in found["ranks"]]
        check(len(set(hosts)) == 2, f"hosts {hosts}")
        steps.setdefault((delay, loss), []).append(step_seconds(out))
        print(f"hosts: latency {1000 * delay:g} ms, loss {100 * loss:g} %: {1000 * step_seconds(out):.2f} ms a step, "
              f"waited {[round(1000 * rank['seconds_waited'] / 60, 2) for rank in found['ranks']]} ms", flush=True)
    for late, soon in zip(steps[0.01, 0], steps[0, 0]):
        print(f"hosts: 10 ms of latency add {1000 * (late - soon):.2f} ms to a step", flush=True)

    # Bytes on the link, over those of an empty job: from two runs that differ in their steps.
    link.delay = link.loss = 0
    sent = []
    for count in (100, 300):
        before = link.bytes[0]
        run("train", *MODEL, "--optimizer", "mezo", "--steps", str(count), "--eval-every", "1000", "--set", "run.compare-every=1000",
            "--shards", "2")
        sent.append(link.bytes[0] - before)
    print(f"hosts: {(sent[1] - sent[0]) / 200:.0f} bytes a rank and step on the link, TCP and IP and what MPI adds included", flush=True)


try:
    main()
finally:
    for name in NAMES:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
    shutil.rmtree(PLACE, ignore_errors=True)
sys.exit(1 if failures else 0)
