import time


def module_work(seconds):
    clock = getattr(time, "process_time", None) or time.clock  # 2.7
    end = clock() + seconds
    x = 0
    while clock() < end:
        for i in range(1000):
            x += i
    return x
