#!/usr/bin/env python3
"""Draws CPU time per message and memory per client against the number of clients: chart.py BENCH_JSON > chart.svg"""

import json
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, GAP = 430, 260, 56, 40, 70
COLOURS = {"up 0": "#9ecae1", "up 1": "#4292c6", "up 2": "#084594",
           "down 0": "#fdae6b", "down 1": "#e6550d", "down 2": "#7f2704", "memory": "#31a354"}


def steps(most):
    """Round numbers from 0 to at least `most`, five or so."""
    size = 10 ** math.floor(math.log10(most))
    step = next(each for each in (size / 5, size / 2, size, size * 2) if most / each <= 6)
    return [step * i for i in range(math.ceil(most / step) + 1)]


def panel(x0, title, unit, lines):
    """One diagram; `lines` is {label: [(clients, value), …]}."""
    points = [point for each in lines.values() for point in each]
    low = math.log10(min(clients for clients, _ in points))
    high = math.log10(max(clients for clients, _ in points))
    ticks = steps(max(value for _, value in points))

    def x(clients):
        return x0 + WIDTH * ((math.log10(clients) - low) / (high - low) if high > low else 0.5)

    def y(value):
        return TOP + HEIGHT * (1 - value / ticks[-1])

    yield f'<text x="{x0}" y="{TOP - 18}" font-weight="bold">{title}, {unit}</text>'
    for tick in ticks:
        yield f'<path d="M{x0} {y(tick):.1f}h{WIDTH}" stroke="#ddd"/>'
        yield f'<text x="{x0 - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
    for clients in sorted({clients for clients, _ in points}):
        yield f'<text x="{x(clients):.1f}" y="{TOP + HEIGHT + 20}" text-anchor="middle">{clients:,}</text>'
    taken = []
    for label, line in sorted(lines.items(), key=lambda each: -each[1][-1][1]):
        colour = COLOURS[label]
        path = " ".join(f"{x(clients):.1f},{y(value):.1f}" for clients, value in line)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for clients, value in line:
            yield f'<circle cx="{x(clients):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>'
        at = max([y(line[-1][1]) + 4, *(each + 13 for each in taken)])  # labels do not cover each other
        taken.append(at)
        yield f'<text x="{x(line[-1][0]) + 8:.1f}" y="{at:.1f}" fill="{colour}">{label}</text>'


def chart(result):
    figures = sorted(result["figures"], key=lambda each: each["clients"])
    cpu = {name: [(each["clients"], each[name]["messages"]["gateway_cpu_us_per_message"]) for each in figures]
           for name in COLOURS if name in figures[0]}
    memory = {"memory": [(each["clients"], each["idle"]["resident_octets"]["per_client"] / 1024) for each in figures]}
    width, height = 2 * WIDTH + 2 * LEFT + 2 * GAP, HEIGHT + TOP + 44
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'font-family="sans-serif" font-size="12">')
    yield '<rect width="100%" height="100%" fill="white"/>'
    yield from panel(LEFT, "CPU time of the gateway per message by clients", "µs", cpu)
    yield from panel(2 * LEFT + WIDTH + GAP, "Memory per idle client by clients", "KB", memory)
    yield "</svg>"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        print("\n".join(chart(json.load(file))))
