/*
 * Stands in for the built page where node or npm is missing: everything but the page works.
 */
#include "export/html_page.h"

const unsigned char html_page_head[] = {0}, html_page_tail[] = {0};
const size_t html_page_head_size = 0, html_page_tail_size = 0;
const char html_page_missing[] = "node and npm were missing at build time; install them and build again";
