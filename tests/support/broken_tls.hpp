// Ways in which the TLS of a connection breaks, for scripts of a RawServer.
#pragma once

#include "support/peer.hpp"

#include <string_view>

namespace support {

using Ending = void (*)(Peer&);

/// After each of them the client has to close.
inline constexpr Ending breaks_of_tls[] = {
    [](Peer& peer) { peer.send_past_tls(unsealed_record); },
    [](Peer& peer) { peer.send_past_tls("HTTP/1.1 400 Bad Request\r\n\r\n"); },
    [](Peer& peer) { peer.send_alert(); },
};

/// Whether an error tells what TLS has found wrong.
inline bool is_told_by_tls(std::string_view message) {
    for (std::string_view const reason :
         {"bad record mac", "bad record type", "wrong version number"})
        if (message.find(reason) != message.npos)
            return true;
    return false;
}

}  // namespace support
