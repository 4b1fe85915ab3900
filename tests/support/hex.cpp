#include "tests/support/hex.hpp"

namespace mqttsn::test {

Buffer hex(std::string_view text) {
    Buffer octets;
    std::string digits;
    for (const char c : text) {
        if (c != ' ') digits += c;
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        octets.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return octets;
}

}  // namespace mqttsn::test
