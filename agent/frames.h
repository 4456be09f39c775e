/* Calls as they are told by who stands in the place of the function that runs a frame (PEP 523; 3.8 to 3.11): all
 * threads of the main interpreter, from the next call on. */
#ifndef KEISOKU_AGENT_FRAMES_H
#define KEISOKU_AGENT_FRAMES_H

/* [thread] With the GIL held. */
void frames_begin(void);

#endif
