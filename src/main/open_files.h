/* Every connection of a server is an open file. */
#ifndef OPS_MAIN_OPEN_FILES_H
#define OPS_MAIN_OPEN_FILES_H

/* Takes what the system allows, and no more than is asked for. */
void ops_raise_open_files(void);

#endif
