/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/plot.h"

#include <math.h>
#include <stdio.h>

#include "ipc/wire/base.h"

#define WIDTH  420
#define HEIGHT 300
#define LEFT   56
#define RIGHT  16
#define TOP    40
#define BOTTOM 46

static const struct panel {
	enum bench_load load;
	const char *title;
	const char *x_title;
	const char *y_title;
} panels[] = {
	{ BENCH_LOAD_CONTEXT, "Cost of a batch against its context", "size of the entry",
	  "times vfork+execveat+wait" },
	{ BENCH_LOAD_JOBS, "Throughput against batches at a time", "-j", "times -j1" },
};

/* Where values lie in a panel. The load is laid out by its logarithm. */
struct frame {
	double x_low, x_high; /* logarithms to base 2 */
	double y_high;        /* from 0 */
};

void plot_add(struct plot *plot, const struct bench_report *report)
{
	for (size_t i = 0; i < report->n_figures && plot->n_points < PLOT_MAX_POINTS; i++)
		if (report->figures[i].load != BENCH_NO_LOAD)
			plot->points[plot->n_points++] = report->figures[i];
}

static struct frame frame_of(const struct plot *plot, enum bench_load load)
{
	struct frame frame = { .x_low = INFINITY, .x_high = -INFINITY, .y_high = 1 };

	for (size_t i = 0; i < plot->n_points; i++) {
		const struct bench_figure *point = &plot->points[i];
		if (point->load != load)
			continue;
		frame.x_low = fmin(frame.x_low, log2(point->load_amount));
		frame.x_high = fmax(frame.x_high, log2(point->load_amount));
		frame.y_high = fmax(frame.y_high, point->high);
	}
	frame.x_high = fmax(frame.x_high, frame.x_low + 1);
	frame.y_high *= 1.1;
	return frame;
}

static double place_x(const struct frame *frame, double amount)
{
	double part = (log2(amount) - frame->x_low) / (frame->x_high - frame->x_low);

	return LEFT + part * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct frame *frame, double ratio)
{
	return HEIGHT - BOTTOM - ratio / frame->y_high * (HEIGHT - TOP - BOTTOM);
}

static void draw_axes(FILE *file, const struct panel *panel, const struct frame *frame)
{
	double step = pow(10, floor(log10(frame->y_high)));

	if (frame->y_high / step < 4)
		step /= 2;
	fprintf(file, "<text x='%d' y='20' font-size='14'>%s</text>\n", LEFT, panel->title);
	for (int i = 0; i * step <= frame->y_high; i++) {
		double at = place_y(frame, i * step);
		fprintf(file,
		        "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>"
		        "<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n",
		        LEFT, at, WIDTH - RIGHT, at, LEFT - 6, at + 4, i * step);
	}
	fprintf(file,
	        "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n"
	        "<text transform='translate(14 %d) rotate(-90)' text-anchor='middle'>%s</text>\n",
	        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, panel->x_title, (TOP + HEIGHT - BOTTOM) / 2,
	        panel->y_title);
}

static void draw_load(FILE *file, enum bench_load load, double amount)
{
	if (load != BENCH_LOAD_CONTEXT)
		fprintf(file, "%g", amount);
	else if (amount < 1 << 20)
		fprintf(file, "%gK", amount / (1 << 10));
	else
		fprintf(file, "%gM", amount / (1 << 20));
}

static void draw_point(FILE *file, const struct frame *frame, const struct bench_figure *point)
{
	double x = place_x(frame, point->load_amount);

	fprintf(file,
	        "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#888'/>"
	        "<circle cx='%.1f' cy='%.1f' r='3' fill='#15609a'/>"
	        "<text x='%.1f' y='%d' text-anchor='middle'>",
	        x, place_y(frame, point->low), x, place_y(frame, point->high), x,
	        place_y(frame, point->ratio), x, HEIGHT - BOTTOM + 16);
	draw_load(file, point->load, point->load_amount);
	fprintf(file, "</text>\n");
}

static void draw_panel(FILE *file, const struct plot *plot, const struct panel *panel, size_t place)
{
	struct frame frame = frame_of(plot, panel->load);

	fprintf(file, "<g transform='translate(%zu 0)'>\n", place * WIDTH);
	draw_axes(file, panel, &frame);
	fprintf(file, "<polyline fill='none' stroke='#15609a' stroke-width='1.5' points='");
	for (size_t i = 0; i < plot->n_points; i++)
		if (plot->points[i].load == panel->load)
			fprintf(file, "%.1f,%.1f ", place_x(&frame, plot->points[i].load_amount),
			        place_y(&frame, plot->points[i].ratio));
	fprintf(file, "'/>\n");
	for (size_t i = 0; i < plot->n_points; i++)
		if (plot->points[i].load == panel->load)
			draw_point(file, &frame, &plot->points[i]);
	fprintf(file, "</g>\n");
}

static bool has_points(const struct plot *plot, enum bench_load load)
{
	for (size_t i = 0; i < plot->n_points; i++)
		if (plot->points[i].load == load)
			return true;
	return false;
}

int plot_write(const struct plot *plot, const char *path, struct bh_error *err)
{
	FILE *file = fopen(path, "we");
	size_t place = 0;

	if (!file)
		return bh_fail(err, errno, "open %s", path);
	fprintf(file,
	        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %zu %d' font-size='11' "
	        "font-family='sans-serif'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
	        BH_COUNT_OF(panels) * WIDTH, HEIGHT);
	for (size_t i = 0; i < BH_COUNT_OF(panels); i++)
		if (has_points(plot, panels[i].load))
			draw_panel(file, plot, &panels[i], place++);
	fprintf(file, "</svg>\n");
	bool failed = ferror(file) != 0;
	if (fclose(file) == EOF || failed)
		return bh_fail(err, EIO, "write %s", path);
	return 0;
}
