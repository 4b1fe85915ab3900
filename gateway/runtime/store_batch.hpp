// What a commit has to write: operations in the order in which they were asked for, and their images.
#pragma once

#include "gateway/core/record.hpp"

#include <vector>

namespace mqttsn::gateway {

struct StoreBatch {
    std::vector<StoreOp> ops;  ///< offsets are into `octets`
    Buffer octets;

    bool empty() const noexcept { return ops.empty(); }
    /// Memory that it takes, in octets.
    std::size_t weight() const noexcept { return ops.size() * sizeof(StoreOp) + octets.size(); }
    Bytes image(const StoreOp& op) const noexcept { return Bytes(octets).subspan(op.offset, op.size); }

    /// Copies operations whose images are in `images`.
    void add(std::span<const StoreOp> more, Bytes images);
    /// Leaves the operations whose effect remains: first the erased sessions, then the last operation on each key, in
    /// the order of the keys. Carrying them out gives the same records as before, whatever the disk holds.
    void collapse();
    void clear() noexcept;
};

}  // namespace mqttsn::gateway
