/* Out of the environment of the program, and into that of every program which it executes. */
#ifndef KEISOKU_AGENT_FOLLOW_H
#define KEISOKU_AGENT_FOLLOW_H

/* [thread] Before the program's first instruction: takes the variable (of that value) and the preload out. */
void follow_begin(const char *value, const char *directory);

#endif
