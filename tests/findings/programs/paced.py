"""paced: a poller that has little to do."""

import time

for _ in range(30):
    total = sum(range(20000))
    time.sleep(0.05)
