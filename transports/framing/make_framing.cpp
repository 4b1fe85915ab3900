#include "transports/framing/make_framing.hpp"

#include "transports/framing/cobs.hpp"
#include "transports/framing/raw.hpp"
#include "transports/framing/slip.hpp"
#include "transports/framing/xbee_api.hpp"

#include <cassert>

namespace mqttsn::transports {

std::unique_ptr<Framing> make_framing(FramingKind kind, const FramingOptions& options) {
    const FrameRules rules{options.largest, options.check, options.messages};
    const auto gap_or = [&](Duration standard) { return options.gap > Duration::zero() ? options.gap : standard; };
    switch (kind) {
        case FramingKind::raw:
            return std::make_unique<RawFraming>(RawOptions{options.peer, options.largest, gap_or(RawOptions{}.gap)});
        case FramingKind::slip:
            return std::make_unique<SlipFraming>(rules);
        case FramingKind::hdlc:
            return std::make_unique<HdlcFraming>(rules, options.escapes);
        case FramingKind::cobs:
            return std::make_unique<CobsFraming>(rules);
        case FramingKind::xbee_api_1:
        case FramingKind::xbee_api_2:
            return std::make_unique<XbeeApiFraming>(
                XbeeApiOptions{kind == FramingKind::xbee_api_2, options.largest, gap_or(XbeeApiOptions{}.gap)});
    }
    assert(false);
    return nullptr;
}

}  // namespace mqttsn::transports
