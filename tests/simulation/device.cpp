#include "tests/simulation/device.hpp"

#include "protocol/sn/v12_codec.hpp"

#include <algorithm>

namespace mqttsn::simulation {

namespace {

const std::vector<std::string> topics{"s/0", "s/1", "s/2", "ab", "predef/two"};
const std::vector<std::string> filters{"s/+", "s/#", "s/1", "ab", "predef/one", "predef/two", "c/#"};
constexpr std::size_t most_open = 20;

Address address_of(std::uint8_t host, std::uint32_t port) {
    const std::byte octets[] = {static_cast<std::byte>(host), static_cast<std::byte>(port)};
    return Address(octets);
}

}  // namespace

Device::Device(int number, const DevicePlan& plan, World& world, Dice dice)
    : number_(number), plan_(plan), world_(world), dice_(dice) {
    if (plan_.forwarded) {
        address_ = address_of(200, 0);
        node_id_ = std::string(1, static_cast<char>('A' + number));
    } else {
        address_ = address_of(static_cast<std::uint8_t>(number), 0);
    }
    filters_ = {"c/" + Oracle::client_of(number)};
    for (int more = dice_.between(0, 2); more > 0; --more)
        filters_.push_back(dice_.pick(filters));
    make_client();
}

void Device::make_client() {
    node::ClientOptions options;
    options.client_id = Oracle::client_of(number_);
    options.clean_session = plan_.clean_session;
    options.keep_alive_s = plan_.keep_alive_s;
    if (plan_.has_will) {
        will_version_ = std::max(will_version_, 1U);
        options.will = node::Will{"will/" + options.client_id, Oracle::will_message(number_, will_version_),
                                  Qos::at_least_once, false};
        world_.oracle.device_wants_will(number_, will_version_);
    }
    options.retry = world_.plan.gateway.timers.retry;
    options.wait = world_.plan.gateway.timers.wait;
    options.predefined = {{1, "predef/one"}, {2, "predef/two"}};
    const Bytes id = as_bytes(node_id_);
    options.node_id.assign(id.begin(), id.end());
    client_ = std::make_unique<node::Client>(options);
    open_.clear();
    subscribing_.clear();
    unsubscribing_.clear();
    updating_.clear();
    granted_.clear();
    is_asleep_ = false;
}

void Device::start() {
    if (!is_beacon()) connect();
    act_later();
}

void Device::act_later() {
    world_.time.after(dice_.between(Duration(10ms), plan_.pause * 2), [this] {
        if (is_settling_) return;
        if (is_there_) act();
        drain();
        if (!is_dead_) act_later();
    });
}

void Device::connect() {
    world_.oracle.device_is_connected(number_, false);
    world_.oracle.device_connects(number_, plan_.clean_session || is_leaving_, world_.last_emission());
    is_asleep_ = false;
    client_->connect(world_.time.now(), out_);
    drain();
}

void Device::act() {
    const TimePoint now = world_.time.now();
    const auto dice = dice_.below(100);
    if (is_beacon()) return publish();
    if (dice < 2 && plan_.rests) return rest();
    if (dice < 4 && plan_.dies) return die();
    if (dice < 8 && plan_.moves) return move();
    if (is_asleep_) {
        if (dice < 45) return client_->wake(now, out_);
        if (dice < 60) return connect();
        if (dice < 65) return client_->sleep(plan_.sleep_s, now, out_);
        if (dice < 70) publish();
        return;
    }
    if (!client_->has_connection()) {
        if (dice < 50) connect();
        return;
    }
    if (dice < 12) return subscribe();
    if (dice < 18) return change_will();
    if (dice < 20) {
        world_.oracle.device_is_connected(number_, false);
        return client_->disconnect(now, out_);
    }
    if (dice < 40 && plan_.kind == DevicePlan::Kind::sleeper) {
        if (client_->is_connected()) client_->sleep(plan_.sleep_s, now, out_);
        return;
    }
    publish();
}

void Device::publish() {
    if (open_.size() >= most_open) return;
    const Qos qos = is_beacon() ? Qos::minus_one : static_cast<Qos>(dice_.between(0, 2));
    const std::string topic =
        is_beacon() ? dice_.pick(std::vector<std::string>{"ab", "predef/one"}) : dice_.pick(topics);
    const bool retain = !is_beacon() && dice_.chance(0.05);
    const Message& message =
        world_.oracle.new_message(number_, topic, qos, retain, static_cast<std::size_t>(dice_.between(0, 60)));
    const node::Token token = client_->publish(topic, message.payload, qos, retain, world_.time.now(), out_);
    if (qos == Qos::at_least_once || qos == Qos::exactly_once) open_[token] = message.id;
    drain();
}

void Device::subscribe() {
    const std::string filter = dice_.pick(filters_);
    const bool is_busy = !subscribing_.empty() || !unsubscribing_.empty();
    if (is_busy) return;
    if (granted_.contains(filter) && dice_.chance(0.5)) {
        granted_.erase(filter);
        world_.oracle.device_unsubscribes(number_, filter);
        unsubscribing_[client_->unsubscribe(filter, world_.time.now(), out_)] = filter;
    } else {
        const auto qos = static_cast<Qos>(dice_.between(0, 2));
        subscribing_[client_->subscribe(filter, qos, world_.time.now(), out_)] = filter;
    }
    drain();
}

void Device::change_will() {
    if (!plan_.has_will || !updating_.empty()) return;
    ++will_version_;
    world_.oracle.device_wants_will(number_, will_version_);
    updating_[client_->update_will_message(Oracle::will_message(number_, will_version_), world_.time.now(), out_)] =
        will_version_;
}

void Device::rest() {
    // Longer than the network keeps anything: what comes afterwards is of afterwards.
    const Duration how_long = dice_.between(Duration(4s), Duration(40s));
    world_.trace.add(world_.time.now(), "d{} falls silent for a while", number_);
    is_there_ = false;
    world_.time.after(how_long, [this] {
        if (is_dead_ || is_there_) return;
        is_there_ = true;
        const bool reboots = plan_.clean_session && dice_.chance(0.4);
        world_.trace.add(world_.time.now(), "d{} is back{}", number_, reboots ? " and has forgotten everything" : "");
        if (!reboots) return;
        make_client();
        connect();
    });
}

void Device::die() {
    world_.trace.add(world_.time.now(), "d{} dies", number_);
    world_.oracle.device_dies(number_);
    is_there_ = false;
    is_dead_ = true;
}

void Device::move() {
    address_ = address_of(static_cast<std::uint8_t>(number_), ++moves_);
    world_.trace.add(world_.time.now(), "d{} moves", number_);
}

void Device::receive(Bytes datagram, std::uint64_t emission) {
    if (!is_there_) return;
    if (const auto packet = sn::decode(datagram.subspan(node_id_.empty() ? 0 : 3 + node_id_.size()))) {
        world_.oracle.device_hears(number_, *packet, emission);
    }
    client_->receive(datagram, world_.time.now(), out_);
    drain();
}

std::optional<TimePoint> Device::next_timeout() const {
    return is_there_ ? client_->next_timeout() : std::nullopt;
}

void Device::timeout() {
    client_->timeout(world_.time.now(), out_);
    drain();
}

/// What the client tells the application.
struct Device::OnEvent {
    Device& device;

    void operator()(const node::Connected&) const {
        device.world_.oracle.device_is_connected(device.number_, true);
        if (device.plan_.has_will && device.updating_.empty()) {
            device.world_.oracle.device_has_will(device.number_, device.will_version_);
        }
        if (device.is_leaving_) return device.client_->disconnect(device.world_.time.now(), device.out_);
        const bool forgets = device.plan_.clean_session;
        if (forgets) device.granted_.clear();
        if (!forgets && !device.world_.plan.subscribes_again && !device.granted_.empty()) return;
        if (!device.subscribing_.empty() || device.is_settling_) return;
        for (const auto& filter : device.filters_) {
            const auto qos = static_cast<Qos>(device.dice_.between(0, 2));
            device.subscribing_[device.client_->subscribe(filter, qos, device.world_.time.now(), device.out_)] = filter;
        }
    }
    void operator()(const node::Rejected& event) const {
        if (event.code != sn::ReturnCode::congestion) again();
    }
    void operator()(const node::Published& event) const {
        const auto found = device.open_.find(event.token);
        if (found == device.open_.end()) return;
        device.world_.oracle.publish_ended(found->second, event.confirmed, event.code != sn::ReturnCode::accepted);
        device.open_.erase(found);
    }
    void operator()(const node::Subscribed& event) const {
        const auto found = device.subscribing_.find(event.token);
        if (found == device.subscribing_.end()) return;
        if (event.code == sn::ReturnCode::accepted) device.granted_.insert(found->second);
        device.subscribing_.erase(found);
    }
    void operator()(const node::Unsubscribed& event) const { device.unsubscribing_.erase(event.token); }
    void operator()(const node::WillUpdated& event) const {
        const auto found = device.updating_.find(event.token);
        if (found == device.updating_.end()) return;
        if (event.code == sn::ReturnCode::accepted) device.world_.oracle.device_has_will(device.number_, found->second);
        device.updating_.erase(found);
    }
    void operator()(const node::Received& event) const {
        device.world_.oracle.device_receives(device.number_, event.topic, event.payload, event.qos);
    }
    void operator()(const node::Asleep&) const {
        device.is_asleep_ = true;
        if (device.is_settling_) again();
    }
    void operator()(const node::Disconnected& event) const {
        device.world_.oracle.device_is_connected(device.number_, false);
        device.is_asleep_ = false;
        if (event.asked && device.is_settling_ && !device.is_leaving_) again();
    }
    void operator()(const node::Lost&) const {
        device.world_.oracle.device_is_connected(device.number_, false);
        device.is_asleep_ = false;
        again();
    }
    void again() const {
        Device* self = &device;
        device.world_.time.after(device.dice_.between(Duration(100ms), Duration(2s)), [self] {
            if (self->is_there_ && (self->is_asleep_ || !self->client_->has_connection())) self->connect();
        });
    }
};

void Device::drain() {
    while (!out_.frames.empty() || !out_.events.empty()) {
        const node::Outbox out = std::exchange(out_, {});
        for (const Buffer& each : out.frames)
            world_.send(number_, each);
        for (const auto& each : out.events) {
            if (world_.trace.is_on && std::holds_alternative<node::Lost>(each)) {
                world_.trace.add(world_.time.now(), "d{} counts its connection as lost", number_);
            }
            std::visit(OnEvent{*this}, each);
        }
    }
}

void Device::settle() {
    is_settling_ = true;
    if (is_dead_ || is_beacon()) return;
    is_there_ = true;
    timeout();
    if (!client_->is_connected()) connect();
}

void Device::say_goodbye() {
    client_->disconnect(world_.time.now(), out_);
    is_leaving_ = true;
    drain();
}

void Device::clear() {
    client_->set_clean_session(true);
    connect();
}

}  // namespace mqttsn::simulation
