#include "gateway/core/route.hpp"

#include "protocol/sn/forwarder.hpp"

namespace mqttsn::gateway {

Result<Unwrapped> unwrap(Bytes datagram, std::size_t max_depth, Route& route) {
    Unwrapped result{datagram};
    while (sn::is_encapsulated(result.message)) {
        const auto outer = sn::decode_encapsulated(result.message);
        if (!outer) return outer.error();
        if (++result.depth > max_depth) return make_error_code(sn::CodecError::bad_encapsulation);
        route.forwarders.push_back(static_cast<char>(outer->node_id.size()));
        route.forwarders.append(as_text(outer->node_id));
        result.message = outer->inner;
    }
    return result;
}

namespace {

template <class F>
void for_each_node_id(const Route& route, F&& f) {
    std::string_view rest = route.forwarders;
    while (!rest.empty()) {
        const auto size = static_cast<unsigned char>(rest.front());
        f(as_bytes(rest.substr(1, size)));
        rest.remove_prefix(1U + size);
    }
}

}  // namespace

std::size_t encapsulation_size(const Route& route) noexcept {
    std::size_t total = 0;
    for_each_node_id(route, [&](Bytes node_id) { total += 3 + node_id.size(); });
    return total;
}

void append_encapsulation(const Route& route, std::uint8_t radius, Buffer& out) {
    for_each_node_id(route, [&](Bytes node_id) { sn::append_encapsulation(radius, node_id, out); });
}

}  // namespace mqttsn::gateway
