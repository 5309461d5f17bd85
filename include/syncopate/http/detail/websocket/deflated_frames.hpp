// DeflatedFrames: brings compressed messages of a WebSocket into the form that Beast can read.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <zlib.h>

namespace syncopate::inline v0_1::http::detail {

/// A message of permessage-deflate may have blocks that say that they are the last one (BFINAL): RFC 7692, 7.2.3.5. Beast's
/// inflater refuses what comes behind. So each compressed message is inflated here, and becomes one of stored blocks, with
/// the same bytes in it; and what it decodes to stays the same for Beast's own window. All other frames stay as they are.
///
/// Only frames are looked at here, as far as this takes. What is wrong about them is left for Beast to refuse.
class DeflatedFrames {
public:
    DeflatedFrames() {
        auto stream = std::make_unique<z_stream>();
        if (::inflateInit2(stream.get(), -MAX_WBITS) != Z_OK)
            throw std::bad_alloc();
        stream_.reset(stream.release());
    }

    /// Adds bytes that the server has sent.
    void feed(std::string_view bytes) {
        input_.erase(0, begin_);
        begin_ = 0;
        input_.append(bytes);
    }

    /// The next bytes for Beast, some 16 KiB at most beyond what was fed; empty until more is fed.
    std::string_view output() {
        while (output_.size() == taken_) {
            output_.clear();
            taken_ = 0;
            if (!advance())
                break;
        }
        return std::string_view(output_).substr(taken_);
    }
    void consume(std::size_t size) noexcept { taken_ += size; }

private:
    static constexpr int final_bit = 0x80;
    static constexpr int compressed_bit = 0x40;
    static constexpr int reserved_bits = 0x30;
    static constexpr int opcode_bits = 0x0f;

    /// header:    of a frame. plain: its payload, as it is. deflated: its payload, to be inflated. tail: the end of a
    /// compressed message. raw: nothing is changed any more.
    enum class State { header, plain, deflated, tail, raw };

    struct End {
        void operator()(z_stream* stream) const noexcept {
            ::inflateEnd(stream);
            delete stream;
        }
    };

    std::string_view input() const noexcept { return std::string_view(input_).substr(begin_); }

    int byte(std::size_t index) const noexcept {
        return static_cast<unsigned char>(input_[begin_ + index]);
    }

    /// Returns false if that takes more input.
    bool advance() {
        switch (state_) {
        case State::header: return take_header();
        case State::plain: return take_plain();
        case State::deflated: return take_deflated();
        case State::tail: return take_tail();
        case State::raw: break;
        }
        left_ = (std::numeric_limits<std::uint64_t>::max)();
        return take_plain();
    }

    bool take_header() {
        if (input().size() < 2)
            return false;
        int const first = byte(0);
        int const length = byte(1);
        constexpr int two_bytes = 126;
        constexpr int eight_bytes = 127;
        std::size_t const size = length == two_bytes ? 4 : length == eight_bytes ? 10 : 2;
        if ((first & reserved_bits) != 0 || length > eight_bytes) {  // or it is masked
            state_ = State::raw;
            return true;
        }
        if (input().size() < size)
            return false;
        left_ = size == 2 ? static_cast<std::uint64_t>(length) : 0;
        for (std::size_t i = 2; i < size; ++i)
            left_ = left_ << 8 | static_cast<std::uint64_t>(byte(i));
        begin_frame(first, size);
        return true;
    }

    void begin_frame(int first, std::size_t header_size) {
        int const opcode = first & opcode_bits;
        bool const is_control = opcode >= 8;
        bool const is_first = !is_control && opcode != 0;
        bool const begins = is_first && (first & compressed_bit) != 0 && !is_in_message_;
        bool const goes_on = opcode == 0 && is_in_message_ && (first & compressed_bit) == 0;
        if (!begins && !goes_on) {
            output_.append(input().substr(0, header_size));
            begin_ += header_size;
            state_ = left_ > 0 ? State::plain : State::header;
            return;
        }
        begin_ += header_size;
        if (begins)
            put_frame(opcode | compressed_bit, empty_block);
        is_in_message_ = true;
        is_final_ = (first & final_bit) != 0;
        state_ = State::deflated;
        if (left_ == 0)
            end_payload();
    }

    void end_payload() noexcept { state_ = is_final_ ? State::tail : State::header; }

    bool take_plain() {
        auto const size =
            static_cast<std::size_t>((std::min)(static_cast<std::uint64_t>(input().size()), left_));
        output_.append(input().substr(0, size));
        begin_ += size;
        left_ -= size;
        if (left_ == 0)
            state_ = State::header;
        return size > 0;
    }

    bool take_deflated() {
        auto bytes = input().substr(
            0, static_cast<std::size_t>(
                   (std::min)(static_cast<std::uint64_t>(input().size()), left_)));
        if (bytes.empty() && !has_more_)
            return false;
        auto const before = bytes.size();
        if (!inflate(bytes))
            return true;
        auto const used = before - bytes.size();
        begin_ += used;
        left_ -= used;
        if (left_ == 0 && !has_more_)
            end_payload();
        return true;
    }

    /// The sender has left out the end of the last block.
    bool take_tail() {
        std::string_view tail("\x00\x00\xff\xff", 4);
        auto const size = output_.size();
        if (!inflate(tail))
            return true;
        constexpr int at_block_end = 128;
        if (output_.size() != size || !tail.empty() || (stream_->data_type & at_block_end) == 0) {
            refuse();
            return true;
        }
        is_in_message_ = false;
        state_ = State::header;
        put_frame(final_bit, std::string_view("\x00", 1));
        return true;
    }

    /// Consumes from the front of the bytes, and puts out what they decode to. Returns false if they are no such data.
    bool inflate(std::string_view& bytes) {
        std::array<unsigned char, 16384> room;
        stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream_->avail_in = static_cast<uInt>((std::min)(bytes.size(), room.size()));
        stream_->next_out = room.data();
        stream_->avail_out = static_cast<uInt>(room.size());
        auto const available = stream_->avail_in;
        int const status = ::inflate(stream_.get(), Z_SYNC_FLUSH);
        bytes.remove_prefix(available - stream_->avail_in);
        auto const size = room.size() - stream_->avail_out;
        if (size > 0)
            put_block({reinterpret_cast<char const*>(room.data()), size});
        has_more_ = stream_->avail_out == 0;
        bool const is_well = status == Z_OK || status == Z_BUF_ERROR ||
                             (status == Z_STREAM_END && begin_after_last_block());
        if (!is_well)
            refuse();
        return is_well;
    }

    /// What follows the block that says it is the last one may refer to what was before.
    bool begin_after_last_block() {
        std::array<unsigned char, 1U << MAX_WBITS> window;
        uInt size = 0;
        has_more_ = false;
        return ::inflateGetDictionary(stream_.get(), window.data(), &size) == Z_OK &&
               ::inflateReset(stream_.get()) == Z_OK &&
               ::inflateSetDictionary(stream_.get(), window.data(), size) == Z_OK;
    }

    /// Has Beast refuse the message, by a block of a kind that does not exist.
    void refuse() {
        put_frame(final_bit, "\x07");
        state_ = State::raw;
    }

    void put_frame(int first, std::string_view payload) {
        constexpr std::size_t longest_of_one_byte = 125;
        output_ += static_cast<char>(first);
        if (payload.size() <= longest_of_one_byte) {
            output_ += static_cast<char>(payload.size());
        } else {
            output_ += '\x7e';
            output_ += static_cast<char>(payload.size() >> 8);
            output_ += static_cast<char>(payload.size() & 0xff);
        }
        output_.append(payload);
    }

    void put_block(std::string_view data) {
        std::string block(1, '\0');
        for (std::size_t const length : {data.size(), ~data.size()}) {
            block += static_cast<char>(length & 0xff);
            block += static_cast<char>(length >> 8 & 0xff);
        }
        put_frame(0, block.append(data));
    }

    static constexpr std::string_view empty_block{"\x00\x00\x00\xff\xff", 5};

    std::unique_ptr<z_stream, End> stream_;
    State state_ = State::header;
    std::uint64_t left_ = 0;      // of the frame's payload
    bool is_in_message_ = false;  // a compressed one
    bool is_final_ = false;       // the present frame of it
    bool has_more_ = false;       // the inflater, without more input
    std::string input_;
    std::size_t begin_ = 0;
    std::string output_;
    std::size_t taken_ = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
