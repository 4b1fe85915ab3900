#include "tests/unit/runtime/exposition_parser.hpp"

#include <cmath>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

namespace mqttsn::test {

namespace {

[[noreturn]] void fail(const std::string& what, const std::string& line) {
    throw std::runtime_error(what + ": " + line);
}

double number(const std::string& text, const std::string& line) {
    if (text == "+Inf") return INFINITY;
    static const std::regex form(R"(-?\d+(\.\d+)?(e[+-]?\d+)?)");
    if (!std::regex_match(text, form)) fail("not a number", line);
    return std::stod(text);
}

// name{label="value",…} value: no spaces but the one before the value.
MetricSample sample_of(const std::string& line) {
    static const std::regex form(R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+))re");
    static const std::regex label(R"re(([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\\\|\\n|\\")*)"(,|$))re");
    std::smatch parts;
    if (!std::regex_match(line, parts, form)) fail("not a sample", line);
    MetricSample sample{parts[1], {}, number(parts[4], line)};
    std::string rest = parts[3];
    if (parts[2].matched && rest.empty()) fail("empty braces", line);
    while (!rest.empty()) {
        std::smatch pair;
        if (!std::regex_search(rest, pair, label, std::regex_constants::match_continuous)) fail("bad label", line);
        std::string value;
        const std::string escaped = pair[2];
        for (std::size_t i = 0; i < escaped.size(); ++i) {
            const bool escape = escaped[i] == '\\';
            if (escape) ++i;
            value += escape && escaped[i] == 'n' ? '\n' : escaped[i];
        }
        if (!sample.labels.emplace(pair[1], value).second) fail("label twice", line);
        const bool comma = pair[3].length() > 0;
        rest = pair.suffix();
        if (comma && rest.empty()) fail("comma at the end", line);
    }
    return sample;
}

void check_histogram(const MetricFamily& family) {
    double last_bound = -INFINITY;
    double last_value = 0;
    bool has_sum = false;
    bool has_count = false;
    for (const MetricSample& each : family.samples) {
        if (each.name == family.name + "_bucket") {
            const double bound = number(each.labels.at("le"), family.name);
            if (bound <= last_bound || each.value < last_value) fail("buckets do not rise", family.name);
            last_bound = bound;
            last_value = each.value;
        } else if (each.name == family.name + "_sum") {
            has_sum = true;
        } else if (each.name == family.name + "_count") {
            has_count = each.value == last_value;
        } else {
            fail("not of the histogram " + family.name, each.name);
        }
    }
    if (last_bound != INFINITY || !has_sum || !has_count) fail("incomplete histogram", family.name);
}

void check(const MetricFamily& family) {
    if (family.type == "histogram") return check_histogram(family);
    std::set<std::map<std::string, std::string>> seen;
    for (const MetricSample& each : family.samples) {
        if (each.name != family.name) fail("sample of another family in " + family.name, each.name);
        if (!seen.insert(each.labels).second) fail("sample twice", each.name);
    }
}

}  // namespace

std::vector<MetricFamily> parse_exposition(const std::string& text) {
    if (text.empty() || text.back() != '\n') fail("the last line does not end", text);
    static const std::regex help(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+))");
    static const std::regex type(R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram))");
    std::vector<MetricFamily> families;
    std::set<std::string> names;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::smatch parts;
        if (std::regex_match(line, parts, help)) {
            families.push_back({parts[1], "", parts[2], {}});
            if (!names.insert(parts[1]).second) fail("family twice", line);
        } else if (std::regex_match(line, parts, type)) {
            if (families.empty() || families.back().name != parts[1]) fail("TYPE without HELP before it", line);
            if (!families.back().type.empty()) fail("TYPE twice", line);
            families.back().type = parts[2];
            if ((parts[2] == "counter") != families.back().name.ends_with("_total")) fail("wrong ending", line);
        } else {
            if (families.empty() || families.back().type.empty()) fail("sample without HELP and TYPE", line);
            families.back().samples.push_back(sample_of(line));
        }
    }
    for (const MetricFamily& each : families)
        check(each);
    return families;
}

}  // namespace mqttsn::test
