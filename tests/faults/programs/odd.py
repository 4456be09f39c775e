"""Does what a measured program may do to itself: `odd.py KIND`, prints `end` and exits with status 7.

Between the odd moments it works in `work`, so that there is something to see before and after.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

clock = getattr(time, "process_time", None) or time.clock  # where cores are short, it still works for as long


def work(seconds=0.05):
    end = clock() + seconds
    while clock() < end:
        sum(range(200))


def execs():
    left = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    work(0.01)
    if left:
        os.execv(sys.executable, [sys.executable, "-S", "-E", os.path.abspath(__file__), "execs", str(left - 1)])


def forks():
    for i in range(60):
        pid = os.fork()
        if pid == 0:
            work(0.002)
            os._exit(i % 3)
        work(0.001)
        assert os.waitpid(pid, 0)[1] >> 8 == i % 3


def threads():
    """Threads that end while others are born, and a main thread that ends with them half done."""
    for _ in range(200):
        thread = threading.Thread(target=work, args=(0.002,))
        thread.daemon = True
        thread.start()


def closes():
    """Every descriptor but standard output; again and again, because the collector may have come by."""
    for _ in range(20):
        os.closerange(2, 1024)
        os.close(0) if _ == 0 else None
        work(0.01)


def unmaps():
    """Memory comes and goes, also under the eyes of a reader."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    for _ in range(300):
        place = libc.mmap(None, 1 << 22, 3, 0x22, -1, 0)
        work(0.001)
        libc.munmap(place, 1 << 22)


def deep(n):
    return deep(n - 1) + 1 if n else 0


def chunks():
    """Stacks that grow over the chunks of frames and shrink again: pages that were read are gone."""
    sys.setrecursionlimit(20000)
    threading.stack_size(256 << 20)
    for _ in range(4):
        thread = threading.Thread(target=lambda: [deep(n) for n in (10, 3000, 10, 6000, 10) * 15])
        thread.start()
        thread.join()


def drops():
    """Gives its rights away; from then on nobody but root may look into it."""
    work()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    else:
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    work(0.3)


def vforks():
    """In a vfork the parent's thread sleeps in the kernel until the child execs; here the child waits for a pipe."""
    pipe = "pipe-%d" % os.getpid()
    os.mkfifo(pipe)
    for _ in range(5):
        waker = subprocess.Popen(["/bin/sh", "-c", "sleep 0.1; : >" + pipe])
        actions = [(os.POSIX_SPAWN_OPEN, 0, pipe, os.O_RDONLY, 0)]
        child = os.posix_spawn("/bin/true", ["true"], os.environ, file_actions=actions)
        os.waitpid(child, 0)
        waker.wait()
        work(0.01)
    os.unlink(pipe)


def stops():
    """Stops itself; a child that sees it stopped wakes it up."""
    waker = "until grep -q ^State:.T /proc/{0}/status; do sleep 0.01; done; sleep 0.03; kill -CONT {0}"
    for _ in range(10):
        subprocess.Popen(["/bin/sh", "-c", waker.format(os.getpid())])
        os.kill(os.getpid(), signal.SIGSTOP)
        work(0.005)
        try:
            while True:
                os.wait()
        except OSError:
            pass


def limits():
    """Hardly any memory or descriptors are left to it and to what it starts."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
    work()
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    work(0.1)


def later():
    work(0.3)


def leaves():
    """The first thread ends in the kernel; the process is a zombie's, the others go on and start more."""

    def go():
        time.sleep(0.2)
        thread = threading.Thread(target=later)
        thread.start()
        thread.join()
        os.write(1, b"end\n")
        os._exit(7)

    work(0.2)
    threading.Thread(target=go).start()
    work(0.05)
    ctypes.CDLL(None).syscall({"x86_64": 60}.get(os.uname()[4], 93), 0)


def spaces():
    """Namespaces of its own, an empty folder over /proc, another root, and a child in all that."""
    libc = ctypes.CDLL(None)
    own = libc.unshare(0x20000) == 0 and libc.mount(b"none", b"/", None, 0x44000, None) == 0
    work()
    for flag in (0x4000000, 0x8000000, 0x20000000, 0x40000000, 0x2000000):
        libc.unshare(flag)
    if own:  # never over the others' /proc
        libc.mount(b"none", b"/proc", b"tmpfs", 0, None)
        work()
        os.chroot("/proc")
        os.chdir("/")
    if os.fork() == 0:
        work()
        os._exit(0)
    os.wait()
    work()


globals()[sys.argv[1]]()
os.write(1, b"end\n")
os._exit(7)
