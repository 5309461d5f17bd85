// What a server of HTTP/2 says, frame by frame, for scripts of a RawServer.
#pragma once

#include "support/certificates.hpp"
#include "support/peer.hpp"
#include "support/raw_server.hpp"
#include "support/tls_settings.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace support::http2 {

struct Frame {
    int type = 0;
    int flags = 0;
    std::uint32_t stream = 0;
    std::string payload;
};

inline constexpr int data_frame = 0;
inline constexpr int header_frame = 1;
inline constexpr int reset_frame = 3;
inline constexpr int settings_frame = 4;
inline constexpr int ping_frame = 6;
inline constexpr int go_away_frame = 7;
inline constexpr int window_frame = 8;
inline constexpr int continuation_frame = 9;
inline constexpr int ends = 1;
inline constexpr int ends_header = 4;

inline std::string number(std::uint32_t value) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8)
        text += static_cast<char>(value >> shift & 0xff);
    return text;
}

inline std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
    auto text = number(static_cast<std::uint32_t>(payload.size())).substr(1);
    text += static_cast<char>(type);
    text += static_cast<char>(flags);
    return text.append(number(stream)).append(payload);
}

/// A field as HPACK has it, literally.
inline std::string field(std::string const& name, std::string const& value) {
    std::string text(1, '\0');
    text += static_cast<char>(name.size());
    text += name;
    text += static_cast<char>(value.size());
    return text + value;
}
inline std::string status(std::string const& code) {
    return field(":status", code);
}

inline std::string head(std::uint32_t stream, std::string const& fields, int flags = 0) {
    return frame(header_frame, flags | ends_header, stream, fields);
}
inline std::string whole(std::uint32_t stream, std::string const& body) {
    return head(stream, status("200")) + frame(data_frame, ends, stream, body);
}

inline Frame read_frame(Peer& peer) {
    auto const text = peer.read_exactly(9);
    auto const at = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
    };
    Frame frame;
    frame.type = static_cast<int>(at(3));
    frame.flags = static_cast<int>(at(4));
    frame.stream = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
    frame.payload = peer.read_exactly(at(0) << 16 | at(1) << 8 | at(2));
    return frame;
}

/// Passes over all others.
inline Frame read_frame(Peer& peer, int type) {
    for (;;) {
        auto frame = read_frame(peer);
        if (frame.type == type && !(type == settings_frame && frame.flags == ends))
            return frame;
    }
}

inline void greet(Peer& peer, std::string const& settings = "") {
    peer.read_until("SM\r\n\r\n");
    peer.send(frame(settings_frame, 0, 0, settings) + frame(settings_frame, ends, 0, ""));
}

inline TlsSettings tls_settings(Certificate certificate) {
    TlsSettings settings{.certificate = std::move(certificate)};
    settings.protocols = "\x02h2\x08http/1.1";
    return settings;
}
inline RawServer server(Certificate certificate, Scripts scripts) {
    return RawServer::tls(tls_settings(std::move(certificate)), std::move(scripts));
}

/// Answers each request with these frames, behind which stands what each of them means.
inline Script answering_each(std::string (*answer)(std::uint32_t stream)) {
    return [=](Peer& peer) {
        greet(peer);
        for (;;)
            peer.send(answer(read_frame(peer, header_frame).stream));
    };
}

}  // namespace support::http2
