// A strict reader of the Prometheus exposition format 0.0.4, for tests: what a scraper might forgive fails here.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace mqttsn::test {

struct MetricSample {
    std::string name;                           ///< with _bucket, _sum, _count
    std::map<std::string, std::string> labels;  ///< unescaped
    double value = 0;
};

struct MetricFamily {
    std::string name;
    std::string type;
    std::string help;
    std::vector<MetricSample> samples;
};

/// Throws std::runtime_error that quotes the line: HELP, TYPE and samples of a family must stand together and in this
/// order, once; names and labels must follow the rules; no sample may come twice; a counter must end in _total; the
/// buckets of a histogram must rise to +Inf and agree with _count.
std::vector<MetricFamily> parse_exposition(const std::string& text);

}  // namespace mqttsn::test
