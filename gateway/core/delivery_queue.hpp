// Messages on their way to one client, in order, bounded in number and octets.
#pragma once

#include "protocol/mqtt/client.hpp"
#include "protocol/sn/v12_packet.hpp"

#include <deque>
#include <memory>
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
    bool empty() const noexcept { return !list_ || list_->empty(); }
    std::size_t size() const noexcept { return list_ ? list_->size() : 0; }
    std::size_t octets() const noexcept { return octets_; }

    Delivery& front() noexcept { return list_->front(); }
    void push(Delivery delivery) {
        if (!list_) list_ = std::make_unique<std::deque<Delivery>>();
        octets_ += weight(delivery);
        list_->push_back(std::move(delivery));
    }
    Delivery pop_front() {
        Delivery first = std::move(list_->front());
        octets_ -= weight(first);
        list_->pop_front();
        if (list_->empty()) list_.reset();  // idle clients hold no buffer
        return first;
    }
    void clear() noexcept {
        list_.reset();
        octets_ = 0;
    }

    /// Takes out what `select` wants, in order, leaving the first `keep` alone; each goes to `taken`.
    template <class Select, class Taken>
    void take_if(std::size_t keep, Select&& select, Taken&& taken) {
        for (std::size_t i = keep; i < size();) {
            if (!select((*list_)[i])) {
                ++i;
                continue;
            }
            Delivery gone = std::move((*list_)[i]);
            octets_ -= weight(gone);
            list_->erase(list_->begin() + static_cast<std::ptrdiff_t>(i));
            taken(gone);
        }
    }

    /// Takes out the oldest that `select` wants behind the first `keep`.
    template <class Select>
    std::optional<Delivery> take_oldest(std::size_t keep, Select&& select) {
        for (std::size_t i = keep; i < size(); ++i) {
            if (!select((*list_)[i])) continue;
            Delivery gone = std::move((*list_)[i]);
            octets_ -= weight(gone);
            list_->erase(list_->begin() + static_cast<std::ptrdiff_t>(i));
            return gone;
        }
        return std::nullopt;
    }

    /// Calls f for each behind the last one that `is_done` accepts.
    template <class IsDone, class F>
    void for_each_behind(IsDone&& is_done, F&& f) {
        std::size_t begin = size();
        while (begin > 0 && !is_done((*list_)[begin - 1]))
            --begin;
        for (; begin < size(); ++begin)
            f((*list_)[begin]);
    }

    /// The delivery with this record, made at its place in the order of the sequences if there is none.
    Delivery& at_record(std::uint64_t stored) {
        if (!list_) list_ = std::make_unique<std::deque<Delivery>>();
        auto place = list_->begin();
        while (place != list_->end() && place->stored < stored)
            ++place;
        if (place == list_->end() || place->stored != stored) place = list_->insert(place, Delivery{});
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
        if (!list_) return;
        for (auto& each : *list_)
            f(each);
    }

private:
    static std::size_t weight(const Delivery& delivery) noexcept {
        return delivery.topic.size() + delivery.payload.size();
    }

    std::unique_ptr<std::deque<Delivery>> list_;
    std::size_t octets_ = 0;
};

}  // namespace mqttsn::gateway
