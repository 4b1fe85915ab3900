// Output commit: between the core and the world stands this gate. What a client is told, or said for it to the broker,
// passes at once unless records of that client are not on disk yet; then it waits, in order, for their commit.
#pragma once

#include "gateway/core/outbox.hpp"

#include <deque>
#include <unordered_map>
#include <variant>

namespace mqttsn::gateway {

class OutputGate {
public:
    /// What happens to outputs that may leave. Views live for the call.
    class Exit {
    public:
        virtual ~Exit() = default;
        virtual void leave(const FrameOut& frame, Bytes octets) = 0;
        virtual void leave(const UpstreamOut& action, Bytes octets) = 0;
        /// So much waits for the disk that this broker connection has to go; what it would have sent is dropped. Called
        /// after everything else.
        virtual void overflowed(UpstreamId id) = 0;
    };

    /// One turn's frames and broker octets. `commit` is the number under which out.store went to the store; any number
    /// when out.store is empty.
    void pass(const Outbox& out, CommitId commit, Exit& exit);
    /// Everything up to this commit is on disk: what waited for it leaves.
    void committed(CommitId up_to, Exit& exit);

    /// Clients that wait.
    std::size_t waiting() const noexcept { return owners_.size(); }
    /// Frames dropped because too many waited: their receivers repeat, as for any lost datagram.
    std::uint64_t frames_dropped() const noexcept { return frames_dropped_; }

    static constexpr std::size_t max_frames_per_client = 64;
    static constexpr std::size_t max_octets_per_client = 256U << 10;

private:
    struct Waiting {
        CommitId after = 0;
        std::variant<FrameOut, UpstreamOut> output;
        Buffer octets;
    };
    struct Owner {
        CommitId after = 0;
        std::size_t frames = 0;
        std::size_t octets = 0;
        bool overflowed = false;
        std::deque<Waiting> queue;
    };

    void hold(Owner& owner, const FrameOut& frame, Bytes octets);
    void hold(Owner& owner, const UpstreamOut& action, Bytes octets, std::vector<UpstreamId>& overflows);
    static void release(Owner& owner, CommitId up_to, Exit& exit);

    std::unordered_map<ClientKey, Owner> owners_;
    std::deque<std::pair<CommitId, ClientKey>> commits_;  ///< in order; an owner may be there several times
    std::uint64_t frames_dropped_ = 0;
};

}  // namespace mqttsn::gateway
