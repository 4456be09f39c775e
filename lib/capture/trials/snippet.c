#include "capture/trials/snippet.h"

#include <math.h>
#include <string.h>

/* timeit's own Timer does the loops, so that setup, quotes and the garbage collector (off, unless the setup turns it
 * on) are as it has them. What the statement prints goes nowhere. */
const char snippet_program[] =
    "import os, sys, time, timeit\n"
    "stmt, setup, loops, values = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])\n"
    "out = os.fdopen(os.dup(1), 'w')\n"
    "os.dup2(os.open(os.devnull, os.O_WRONLY), 1)\n"
    "wall = getattr(time, 'perf_counter', None) or time.time\n"
    "cpu = getattr(time, 'process_time', None) or time.clock\n"
    "cpus = []\n"
    "def clock():\n"
    "    cpus.append(cpu())\n"
    "    return wall()\n"
    "timer = timeit.Timer(stmt, setup, clock)\n"
    "def find():\n"
    "    scale = 1\n"
    "    while True:\n"
    "        for step in 1, 2, 5:\n"
    "            if timer.timeit(step * scale) >= 0.1:\n"
    "                return step * scale\n"
    "        scale *= 10\n"
    "loops = loops or find()\n"
    "out.write('loops %d\\n' % loops)\n"
    "timer.timeit(max(1, loops // 10))\n"
    "for _ in range(values):\n"
    "    took = timer.timeit(loops)\n"
    "    out.write('value %r %r\\n' % (took / loops, (cpus[-1] - cpus[-2]) / loops))\n"
    "out.flush()\n";

int snippet_read(FILE *file, struct snippet_answer *answer)
{
    unsigned long long loops;
    *answer = (struct snippet_answer){0};
    rewind(file);
    if (fscanf(file, "loops %llu\n", &loops) != 1 || loops == 0)
        return -1;
    answer->loops = loops;
    while (answer->n < SNIPPET_VALUES &&
           fscanf(file, "value %lf %lf\n", &answer->wall[answer->n], &answer->cpu[answer->n]) == 2) {
        if (!isfinite(answer->wall[answer->n]) || !isfinite(answer->cpu[answer->n]))
            return -1;
        answer->n++;
    }
    return answer->n > 0 ? 0 : -1;
}
