/*
 * A flame graph as one SVG file that needs nothing else: outermost functions at the top, widths by the clock of the
 * options, threads added up. Names, shares and times are in the picture and in its titles, so that it says all it can
 * where script is not allowed; where it is, a click zooms and "search" marks what a word is found in. What would be
 * narrower than a fraction of a pixel, or deeper than a picture can be, is left out and counted.
 */
#include "data/aggregate.h"
#include "export/selection.h"
#include "export/stream.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 1200, MARGIN = 10, ROW = 17, HEAD = 64, ROWS_MAX = 3000, LETTER_TENTHS = 66 };
static const double narrowest = 0.3; /* pixels */

/* Zoom and search. Positions of a frame are its rectangle's; they are never lost, for `data-x` and `data-w` keep them.
 */
static const char script[] =
    "(function(){'use strict';var W=1180,L=10,root=document.documentElement,\n"
    "all=Array.prototype.slice.call(root.querySelectorAll('g.f')),note=root.querySelector('#note'),\n"
    "reset=root.querySelector('#reset'),find=root.querySelector('#find');\n"
    "function num(e,n){return parseFloat(e.getAttribute(n));}\n"
    "function fit(g,w){var t=g.querySelector('text'),s=g.getAttribute('data-n'),m=Math.floor((w-6)/6.6);\n"
    "t.textContent=m<3?'':s.length<=m?s:s.slice(0,m-1)+'\\u2026';}\n"
    "all.forEach(function(g){var r=g.querySelector('rect');g.setAttribute('data-x',num(r,'x'));\n"
    "g.setAttribute('data-w',num(r,'width'));});\n"
    "function zoom(to){var x0=num(to,'data-x'),w0=num(to,'data-w'),y0=num(to.querySelector('rect'),'y'),k=W/w0;\n"
    "all.forEach(function(g){var "
    "r=g.querySelector('rect'),t=g.querySelector('text'),x=num(g,'data-x'),w=num(g,'data-w'),\n"
    "above=num(r,'y')<y0&&x<=x0+0.01&&x+w>=x0+w0-0.01,inside=x>=x0-0.01&&x+w<=x0+w0+0.01&&num(r,'y')>=y0;\n"
    "g.setAttribute('display',above||inside?'inline':'none');if(!above&&!inside)return;\n"
    "var nx=above?L:L+(x-x0)*k,nw=above?W:w*k;r.setAttribute('x',nx);r.setAttribute('width',nw);\n"
    "t.setAttribute('x',nx+3);r.setAttribute('opacity',above?0.5:1);fit(g,nw);});\n"
    "reset.setAttribute('visibility',to===all[0]?'hidden':'visible');}\n"
    "function search(word){var hit=[],low=word.toLowerCase();\n"
    "all.forEach(function(g){var on=low!==''&&g.getAttribute('data-n').toLowerCase().indexOf(low)>=0;\n"
    "g.querySelector('rect').setAttribute('class',on?'hit':'');if(on)hit.push([num(g,'data-x'),num(g,'data-w')]);});\n"
    "hit.sort(function(a,b){return a[0]-b[0]||b[1]-a[1];});var sum=0,end=-1;\n"
    "hit.forEach(function(h){if(h[0]>=end-0.001){sum+=h[1];end=h[0]+h[1];}});\n"
    "note.textContent=low===''?'':'\"'+word+'\": '+(100*sum/W).toFixed(1)+' %';}\n"
    "all.forEach(function(g){g.addEventListener('click',function(){zoom(g);});});\n"
    "reset.addEventListener('click',function(){zoom(all[0]);});\n"
    "find.setAttribute('visibility','visible');\n"
    "find.addEventListener('click',function(){var w=window.prompt('Functions or files that contain');\n"
    "if(w!==null)search(w);});}());\n";

static const char style[] =
    "text{font:11px monospace;fill:#111}rect{stroke:#fff;stroke-width:.5}"
    "g.f{cursor:pointer}.o{fill:#f2a65a}.l{fill:#9db8d9}.n{fill:#a3c99a}.t{fill:#e6d36f}.r{fill:#d5d5d5}"
    "rect.hit{fill:#c77dff}#title{font-size:15px;font-weight:bold}.b{cursor:pointer;"
    "text-decoration:underline}";

struct svg {
    const struct export_input *input;
    struct stream stream;
    struct tree *tree;
    double *x; /* by node, in pixels; negative: not drawn */
    uint32_t *depth;
    size_t left_out;
    double scale; /* pixels for a nanosecond */
    struct buf name;
};

static double total_of(const struct svg *svg, size_t node)
{
    const struct tree_node *row = &svg->tree->nodes[node];
    return svg->input->options->cpu_clock ? row->total_cpu_ns : row->total_wall_ns;
}

static void add_escaped(struct buf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '&':
            buf_add_text(out, "&amp;");
            break;
        case '<':
            buf_add_text(out, "&lt;");
            break;
        case '>':
            buf_add_text(out, "&gt;");
            break;
        case '"':
            buf_add_text(out, "&quot;");
            break;
        default:
            /* U+FFFE and U+FFFF are no characters of XML: the replacement character stands for them. */
            if (i >= 2 && (uint8_t)text[i] >= 0xbe && memcmp(text + i - 2, "\xef\xbf", 2) == 0)
                buf_add_byte(out, 0xbd);
            else
                buf_add_byte(out, (uint8_t)text[i]);
        }
    }
}

/* "parse (json/decoder.py:12)", in `name`. */
static void make_name(struct svg *svg, size_t node)
{
    const struct profile *profile = svg->input->profile;
    uint32_t id = svg->tree->nodes[node].function;
    const struct function *function = &profile->functions[id];
    buf_clear(&svg->name);
    if (node == 0) {
        buf_add_text(&svg->name, "all");
        return;
    }
    buf_add_visible(&svg->name, profile->strings[function->name], profile->string_lengths[function->name]);
    const char *file = profile_short_file(selection_file(profile, id));
    if (file[0] == '\0')
        return;
    buf_add_text(&svg->name, " (");
    buf_add_visible(&svg->name, file, strlen(file));
    if (function->first_line != 0)
        buf_printf(&svg->name, ":%u", function->first_line);
    buf_add_byte(&svg->name, ')');
}

static char class_of(const struct svg *svg, size_t node)
{
    const struct profile *profile = svg->input->profile;
    uint32_t id = svg->tree->nodes[node].function;
    if (node == 0)
        return 'r';
    if (profile->functions[id].kind == FUNCTION_TASK)
        return 't';
    return profile->functions[id].kind != FUNCTION_PYTHON ? 'n' : profile->function_own[id] ? 'o' : 'l';
}

/* The length of the first `letters` characters of valid UTF-8. */
static size_t cut(const char *text, size_t letters)
{
    size_t at = 0;
    for (size_t n = 0; text[at] != '\0' && n <= letters; at++) {
        n += ((uint8_t)text[at] & 0xc0) != 0x80;
        if (n > letters)
            break;
    }
    return at;
}

static int add_frame(struct svg *svg, size_t node)
{
    struct buf *out = &svg->stream.out;
    double total = total_of(svg, node), width = total * svg->scale;
    int y = HEAD + ROW * (int)svg->depth[node];
    size_t letters = width > 6 ? (size_t)((width - 6) * 10 / LETTER_TENTHS) : 0;
    make_name(svg, node);
    const char *name = buf_text(&svg->name);
    out->failed = out->failed || svg->name.failed;
    buf_add_text(out, "<g class=\"f\" data-n=\"");
    add_escaped(out, name, strlen(name));
    buf_add_text(out, "\"><title>");
    add_escaped(out, name, strlen(name));
    buf_printf(
        out, "\n%.3f s, %.2f %%</title><rect class=\"%c\" x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" rx=\"1\"/>",
        total / 1e9, 100 * total / total_of(svg, 0), class_of(svg, node), svg->x[node], y, width, ROW - 1);
    buf_printf(out, "<text x=\"%.2f\" y=\"%d\">", svg->x[node] + 3, y + 12);
    size_t length = cut(name, letters);
    if (letters >= 3 && name[length] == '\0') {
        add_escaped(out, name, length);
    } else if (letters >= 3) {
        add_escaped(out, name, cut(name, letters - 1));
        buf_add_text(out, "\u2026");
    }
    buf_add_text(out, "</text></g>\n");
    return stream_row(&svg->stream);
}

/* Parents come before their children. Returns how many rows there are. */
static uint32_t place(struct svg *svg)
{
    uint32_t rows = 1;
    for (size_t i = 0; i < svg->tree->n_nodes; i++)
        svg->x[i] = -1;
    svg->x[0] = MARGIN;
    for (size_t i = 0; i < svg->tree->n_nodes; i++) {
        double at = svg->x[i];
        for (uint32_t child = svg->tree->nodes[i].first_child; child != 0;
             child = svg->tree->nodes[child].next_sibling) {
            double width = total_of(svg, child) * svg->scale;
            svg->depth[child] = svg->depth[i] + 1;
            if (svg->x[i] < 0 || width < narrowest || svg->depth[child] >= ROWS_MAX) {
                svg->left_out++;
                continue;
            }
            svg->x[child] = at;
            at += width;
            rows = svg->depth[child] >= rows ? svg->depth[child] + 1 : rows;
        }
    }
    return rows;
}

static void add_head(struct svg *svg, uint32_t rows)
{
    struct buf *out = &svg->stream.out;
    const struct profile *profile = svg->input->profile;
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" "
               "width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\">\n<title>",
               WIDTH, HEAD + ROW * rows + MARGIN, WIDTH, HEAD + ROW * rows + MARGIN);
    buf_clear(&svg->name);
    for (size_t i = 0; profile->command != NULL && profile->command[i] != NULL; i++) {
        buf_add_text(&svg->name, i > 0 ? " " : "");
        buf_add_visible(&svg->name, profile->command[i], strlen(profile->command[i]));
    }
    if (svg->name.size == 0)
        buf_add_text(&svg->name, "keisoku");
    const char *command = buf_text(&svg->name);
    out->failed = out->failed || svg->name.failed;
    add_escaped(out, command, strlen(command));
    buf_printf(out,
               "</title>\n<desc>Flame graph of %.3f s of %s time; keisoku " KEISOKU_VERSION
               "</desc>\n<style>%s</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
               "<text id=\"title\" x=\"%d\" y=\"22\">",
               total_of(svg, 0) / 1e9, svg->input->options->cpu_clock ? "CPU" : "wall", style, MARGIN);
    add_escaped(out, command, cut(command, 100));
    buf_printf(out, "</text>\n<text x=\"%d\" y=\"40\">%.3f s of %s time; own code orange, libraries blue, native green",
               MARGIN, total_of(svg, 0) / 1e9, svg->input->options->cpu_clock ? "CPU" : "wall");
    if (svg->left_out > 0)
        buf_printf(out, "; %zu too small to draw", svg->left_out);
    buf_printf(out,
               "</text>\n<text id=\"find\" class=\"b\" x=\"%d\" y=\"56\" visibility=\"hidden\">search</text>\n"
               "<text id=\"reset\" class=\"b\" x=\"%d\" y=\"56\" visibility=\"hidden\">reset zoom</text>\n"
               "<text id=\"note\" x=\"%d\" y=\"56\"></text>\n",
               MARGIN, MARGIN + 60, MARGIN + 150);
}

static int draw(struct svg *svg)
{
    double total = total_of(svg, 0);
    int rc = 0;
    svg->scale = total > 0 ? (WIDTH - 2 * MARGIN) / total : 0;
    uint32_t rows = place(svg);
    add_head(svg, rows);
    for (size_t i = 0; rc == 0 && total > 0 && i < svg->tree->n_nodes; i++) {
        if (svg->x[i] >= 0)
            rc = add_frame(svg, i);
    }
    if (total > 0)
        buf_printf(&svg->stream.out, "<script><![CDATA[\n%s]]></script>\n", script);
    buf_add_text(&svg->stream.out, "</svg>\n");
    return rc == 0 ? stream_end(&svg->stream) : rc;
}

int export_svg(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct svg svg = {.input = input, .stream = {.sink = sink}};
    int rc = tree_new(input->profile, &input->filter, false, &svg.tree);
    if (rc == 0) {
        svg.x = mem_zalloc(svg.tree->n_nodes, sizeof *svg.x);
        svg.depth = mem_zalloc(svg.tree->n_nodes, sizeof *svg.depth);
        rc = svg.x != NULL && svg.depth != NULL ? draw(&svg) : ERR_NOMEM;
    }
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot draw the flame graph: out of memory");
    tree_free(svg.tree);
    mem_free(svg.x);
    mem_free(svg.depth);
    buf_release(&svg.name);
    buf_release(&svg.stream.out);
    return rc;
}
