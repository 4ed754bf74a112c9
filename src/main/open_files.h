/* Every connection of a server is an open file. */
#ifndef OPS_MAIN_OPEN_FILES_H
#define OPS_MAIN_OPEN_FILES_H

/* Takes what the system allows, and no more than is asked for. */
void ops_raise_open_files(void);

/* Before anything is opened: a standard file that the process was started without becomes /dev/null. Else the next file that
 * is opened takes its number, and what is meant for standard error goes into a database or to a client. */
void ops_fill_standard_files(void);

#endif
