// One page from an HTTP server, for commands that ask a gateway about itself.
#pragma once

#include <string>

namespace mqttsn::tools {

struct HttpPage {
    std::string error;  ///< why there is no page, for people; empty = there is one
    unsigned status = 0;
    std::string body;  ///< at most 16 MiB
};

/// `url` is "http://host[:port]", without a path; `target` begins with '/'. Returns within ten seconds or so.
HttpPage http_get(const std::string& url, const std::string& target);

}  // namespace mqttsn::tools
