// simulation --seed S | --runs N [--first-seed K] [--trace LINES] [--quiet]
#include "tests/simulation/world.hpp"

#include <chrono>
#include <cstring>
#include <iostream>

namespace {

using namespace mqttsn::simulation;

struct Options {
    std::uint64_t first = 1;
    std::uint64_t runs = 1;
    std::size_t trace_lines = 60;
    bool replays = false;
    bool lists = false;
};

constexpr const char* usage =
    "simulation --seed S             one run, with its plan, and the last events if it fails\n"
    "simulation --runs N             the seeds 1 to N; ends at the first that fails\n"
    "           --first-seed K       begins there\n"
    "           --trace LINES        how many events a failure shows (60)\n"
    "           --list 1             one line for each seed that fails, and on\n";

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
        if (name == "--seed") {
            options.first = value;
            options.replays = true;
        } else if (name == "--runs") {
            options.runs = value;
        } else if (name == "--first-seed") {
            options.first = value;
        } else if (name == "--trace") {
            options.trace_lines = value;
        } else if (name == "--list") {
            options.lists = value != 0;
        } else {
            return false;
        }
    }
    return argc > 1 && argc % 2 == 1;
}

/// Empty: every invariant held.
std::string run(const Plan& plan, Trace& trace, std::uint64_t& steps, std::size_t& messages) {
    World world(plan, trace);
    std::string violation;
    try {
        world.run();
    } catch (const Violation& found) {
        violation = found.what();
    }
    steps += world.steps();
    messages += world.messages();
    return violation;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    if (!parse(argc, argv, options)) {
        std::cerr << usage;
        return 2;
    }
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t steps = 0;
    std::size_t messages = 0;
    std::uint64_t failures = 0;
    for (std::uint64_t seed = options.first; seed < options.first + options.runs; ++seed) {
        const Plan plan = make_plan(seed);
        Trace quiet;
        const std::string violation = run(plan, quiet, steps, messages);
        if (violation.empty() && !options.replays) continue;
        if (options.lists) {
            ++failures;
            std::cout << "seed " << seed << ": " << violation << '\n';
            continue;
        }
        Trace trace;
        trace.is_on = true;
        trace.keep = options.trace_lines;
        const std::string again = run(plan, trace, steps, messages);
        std::cout << text_of(plan);
        if (!again.empty() || options.trace_lines != 60) {
            for (const auto& line : trace.lines())
                std::cout << line << '\n';
        }
        if (again.empty() && violation.empty()) {
            std::cout << "seed " << seed << ": every invariant holds\n";
            continue;
        }
        std::cout << "seed " << seed << ", run " << seed - options.first + 1 << ": " << violation << '\n';
        if (again != violation) std::cout << "the replay differs: " << (again.empty() ? "no violation" : again) << '\n';
        std::cout << "replay with: simulation --seed " << seed << '\n';
        return 1;
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    std::cout << options.runs << " runs, " << messages << " messages, " << steps << " steps in " << taken.count()
              << " s: ";
    if (failures == 0) {
        std::cout << "every invariant holds\n";
    } else {
        std::cout << failures << " fail\n";
    }
    return failures == 0 ? 0 : 1;
}
