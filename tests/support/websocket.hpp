// The server's end of a WebSocket: frames byte by byte for a script, and Beast's echo.
#pragma once

#include "support/peer.hpp"
#include "support/raw_server.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/websocket/option.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace support {

/// The value of a field of a head, as it stands there; empty if there is none.
inline std::string field_of(std::string_view head, std::string_view name) {
    auto const line = "\r\n" + std::string(name) + ": ";
    auto const found = head.find(line);
    if (found == head.npos)
        return {};
    auto const begin = found + line.size();
    return std::string(head.substr(begin, head.find("\r\n", begin) - begin));
}

/// RFC 6455, 4.2.2: what proves that the server has read the request.
inline std::string accept_key(std::string_view head) {
    auto const key = field_of(head, "Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
    SHA1(reinterpret_cast<unsigned char const*>(key.data()), key.size(), digest.data());
    std::array<unsigned char, 32> text;
    auto const size = EVP_EncodeBlock(text.data(), digest.data(), digest.size());
    return {reinterpret_cast<char const*>(text.data()), static_cast<std::size_t>(size)};
}

/// The response that opens a WebSocket. headers: lines, each with its CRLF.
inline std::string switching(std::string_view head, std::string_view headers = "") {
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           accept_key(head) + "\r\n" + std::string(headers) + "\r\n";
}

/// Opens a WebSocket, and returns the request's head.
inline std::string accept_websocket(Peer& peer, std::string_view headers = "") {
    auto head = peer.read_head();
    peer.send(switching(head, headers));
    return head;
}

/// first:     the first byte: 0x81 a text, 0x82 binary, 0x88 a close, 0x89 a ping, 0x8a a pong; without the
///            0x80 a fragment, which 0x00 and 0x80 go on with.
inline std::string frame(int first, std::string_view payload) {
    std::string bytes(1, static_cast<char>(first));
    auto const size = payload.size();
    if (size < 126)
        bytes += static_cast<char>(size);
    else
        bytes.append({'\x7e', static_cast<char>(size >> 8), static_cast<char>(size & 0xff)});
    return bytes.append(payload);
}

inline std::string close_frame(int code, std::string_view reason = "") {
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    return frame(0x88, payload.append(reason));
}

/// A frame of the client's: its first byte, as above, and what is in it.
struct Frame {
    int first;
    std::string payload;
};

inline Frame read_frame(Peer& peer) {
    auto const byte = [](char c) { return static_cast<unsigned char>(c); };
    auto const start = peer.read_exactly(2);
    std::size_t size = byte(start[1]) & 0x7fU;
    if (size == 126) {
        auto const more = peer.read_exactly(2);
        size = static_cast<std::size_t>(byte(more[0])) << 8 | byte(more[1]);
    }
    if ((byte(start[1]) & 0x80U) == 0 || size == 127)
        throw PeerError("a frame that is not masked, or large");
    auto const mask = peer.read_exactly(4);
    auto payload = peer.read_exactly(size);
    for (std::size_t i = 0; i < size; ++i)
        payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    return {byte(start[0]), std::move(payload)};
}

/// The code in a close frame; 0 if it is none.
inline int close_code_of(Frame const& frame) {
    if (frame.first != 0x88 || frame.payload.size() < 2)
        return 0;
    return static_cast<unsigned char>(frame.payload[0]) << 8 |
           static_cast<unsigned char>(frame.payload[1]);
}

/// Has Beast read and write by way of a Peer.
class PeerStream {
public:
    using executor_type = boost::asio::any_io_executor;
    using error_code = boost::system::error_code;

    explicit PeerStream(Peer& peer) : peer_(peer) {}

    executor_type get_executor() { return io_.get_executor(); }

    template <class Buffers>
    std::size_t read_some(Buffers const& buffers) {
        return boost::asio::buffer_copy(buffers, boost::asio::buffer(peer_.read_exactly(1)));
    }
    template <class Buffers>
    std::size_t read_some(Buffers const& buffers, error_code& error) try {
        error = {};
        return read_some(buffers);
    } catch (PeerError const&) {
        error = boost::asio::error::eof;
        return 0;
    }

    template <class Buffers>
    std::size_t write_some(Buffers const& buffers) {
        std::string bytes(boost::asio::buffer_size(buffers), '\0');
        boost::asio::buffer_copy(boost::asio::buffer(bytes), buffers);
        peer_.send(bytes);
        return bytes.size();
    }
    template <class Buffers>
    std::size_t write_some(Buffers const& buffers, error_code& error) try {
        error = {};
        return write_some(buffers);
    } catch (PeerError const&) {
        error = boost::asio::error::broken_pipe;
        return 0;
    }

    friend void teardown(boost::beast::role_type, PeerStream&, error_code& error) { error = {}; }

private:
    Peer& peer_;
    boost::asio::io_context io_;
};

/// Sends each message back, until the client closes. It agrees to compress.
inline void beast_echo(Peer& peer) {
    namespace websocket = boost::beast::websocket;
    auto const head = peer.read_head();
    PeerStream transport(peer);
    websocket::stream<PeerStream&> stream(transport);
    websocket::permessage_deflate deflate;
    deflate.server_enable = true;
    stream.set_option(deflate);
    stream.accept(boost::asio::buffer(head));
    for (;;) {
        boost::beast::flat_buffer message;
        stream.read(message);
        stream.text(stream.got_text());
        stream.write(message.data());
    }
}

}  // namespace support
