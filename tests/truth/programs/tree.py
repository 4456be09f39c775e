"""A tree of processes, one kind at a time: `tree.py KIND SECONDS`. Every process does its work in a function of its own.

Kinds: fork, spawn, forkserver, subprocess, exec, shell, short, code, stdin. Each process appends one line of JSON to the file named by TRUTH_OUT
(one write, so lines never mix): who it is, how long it worked, and which function has its time.
"""

import json
import os
import subprocess
import sys
import time

CPU = getattr(time, "process_time", None) or time.clock  # 2.7


def note(role, function, seconds):
    line = (
        json.dumps(
            {
                "pid": os.getpid(),
                "parent": os.getppid(),
                "role": role,
                "function": function,
                "cpu_s": seconds,
                "python": "%d.%d.%d" % sys.version_info[:3],
            }
        )
        + "\n"
    )
    target = os.open(os.environ["TRUTH_OUT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(target, line.encode())
    os.close(target)


def spin(seconds):
    """Works for that much CPU time, however long it takes, and gives back what it was."""
    cpu = CPU()
    x = 0
    while CPU() - cpu < seconds:
        for i in range(1000):
            x += i
    return CPU() - cpu


def parent_work(seconds):
    return spin(seconds)


def child_work(seconds):
    return spin(seconds)


def parent(seconds):
    note("parent", "parent_work", parent_work(seconds))


def child(seconds):
    note("child", "child_work", child_work(seconds))


def kind_fork(seconds):
    pid = os.fork()
    if pid == 0:
        child(seconds)
        os._exit(5)
    parent(seconds)
    assert os.waitpid(pid, 0)[1] == 5 << 8


def by_multiprocessing(method, seconds):
    import multiprocessing

    context = multiprocessing.get_context(method)
    process = context.Process(target=child, args=(seconds,))
    process.start()
    parent(seconds)
    process.join()
    assert process.exitcode == 0


def kind_spawn(seconds):
    by_multiprocessing("spawn", seconds)


def kind_forkserver(seconds):
    by_multiprocessing("forkserver", seconds)


def kind_subprocess(seconds):
    process = subprocess.Popen([sys.executable, __file__, "--child", str(seconds)])
    parent(seconds)
    assert process.wait() == 0


def kind_exec(seconds):
    parent(seconds)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, __file__, "--child", str(seconds)])


def kind_shell(seconds):
    command = '"%s" "%s" --child %s; exit $?' % (sys.executable, __file__, seconds)
    process = subprocess.Popen(["sh", "-c", "true; (" + command + "); exit $?"])
    parent(seconds)
    assert process.wait() == 0


def kind_short(seconds):
    for i in range(20):
        subprocess.check_call([sys.executable, "-S", __file__, "--child", str(0.03 + 0.0035 * i)])
    parent(seconds)


def kind_code(seconds):
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[1:] = ['--child', '%s']; "
            "exec(compile(open(%r).read(), %r, 'exec'))" % (seconds, __file__, __file__),
        ]
    )
    parent(seconds)
    assert process.wait() == 0


def kind_stdin(seconds):
    with open(__file__) as source:
        process = subprocess.Popen([sys.executable, "-", "--child", str(seconds)], stdin=source)
    parent(seconds)
    assert process.wait() == 0


def main(argv):
    if argv[1] == "--child":
        child(float(argv[2]))
    else:
        globals()["kind_" + argv[1]](float(argv[2]) if len(argv) > 2 else 0.6)


if __name__ == "__main__":
    main(sys.argv)
