// Messages on their way to one client, in order, bounded in number and octets.
#pragma once

#include "protocol/mqtt/client.hpp"
#include "protocol/sn/v12_packet.hpp"

#include <algorithm>
#include <iterator>
#include <list>
#include <optional>
#include <string>

namespace mqttsn::gateway {

struct Delivery {
    std::string topic;
    Buffer payload;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    mqtt::PacketId packet_id = 0;  ///< to acknowledge at the broker; 0 = nothing to acknowledge
    std::uint64_t stored = 0;      ///< sequence of its record, when it is in the gateway's care; 0 = it is not
    sn::MsgId msg_id = 0;          ///< given at the first sending of QoS 1/2
    bool sent = false;             ///< at least once: the next sending carries DUP
    bool received = false;         ///< QoS 2: the client has it (PUBREC), the rest of the handshake is left
    bool refused = false;          ///< the client answered "invalid topic id" once already (SN12-6.10-i)
    std::optional<TimePoint> expires_at;
};

class DeliveryQueue {
public:
    bool empty() const noexcept { return list_.empty(); }
    std::size_t size() const noexcept { return list_.size(); }
    std::size_t octets() const noexcept { return octets_; }

    Delivery& front() noexcept { return list_.front(); }
    void push(Delivery delivery) {
        octets_ += weight(delivery);
        list_.push_back(std::move(delivery));
    }
    Delivery pop_front() { return take(list_.begin()); }
    void clear() noexcept {
        list_.clear();
        octets_ = 0;
    }

    /// Takes out what `select` wants, in order, leaving the first `keep` alone; each goes to `taken`.
    template <class Select, class Taken>
    void take_if(std::size_t keep, Select&& select, Taken&& taken) {
        for (auto each = behind(keep); each != list_.end();) {
            const auto next = std::next(each);
            if (select(*each)) {
                const Delivery gone = take(each);
                taken(gone);
            }
            each = next;
        }
    }

    /// Takes out the oldest that `select` wants behind the first `keep`.
    template <class Select>
    std::optional<Delivery> take_oldest(std::size_t keep, Select&& select) {
        const auto found = std::find_if(behind(keep), list_.end(), select);
        if (found == list_.end()) return std::nullopt;
        return take(found);
    }

    /// Calls f for each behind the last one that `is_done` accepts.
    template <class IsDone, class F>
    void for_each_behind(IsDone&& is_done, F&& f) {
        const auto done = std::find_if(list_.rbegin(), list_.rend(), is_done);
        std::for_each(done.base(), list_.end(), f);
    }

    /// The delivery with this record, made at its place in the order of the sequences if there is none.
    Delivery& at_record(std::uint64_t stored) {
        auto place = std::find_if(list_.begin(), list_.end(), [&](const Delivery& d) { return d.stored >= stored; });
        if (place == list_.end() || place->stored != stored) place = list_.insert(place, Delivery{});
        place->stored = stored;
        return *place;
    }
    void fill(Delivery& delivery, std::string_view topic, Bytes payload) {
        octets_ -= weight(delivery);
        delivery.topic = topic;
        delivery.payload.assign(payload.begin(), payload.end());
        octets_ += weight(delivery);
    }

    template <class F>
    void for_each(F&& f) {
        for (auto& each : list_)
            f(each);
    }

private:
    using List = std::list<Delivery>;  // an idle client holds no buffer, one message costs one node

    List::iterator behind(std::size_t count) noexcept {
        return std::next(list_.begin(), static_cast<std::ptrdiff_t>(std::min(count, list_.size())));
    }
    Delivery take(List::iterator place) {
        Delivery gone = std::move(*place);
        octets_ -= weight(gone);
        list_.erase(place);
        return gone;
    }
    static std::size_t weight(const Delivery& delivery) noexcept {
        return delivery.topic.size() + delivery.payload.size();
    }

    List list_;
    std::size_t octets_ = 0;
};

}  // namespace mqttsn::gateway
