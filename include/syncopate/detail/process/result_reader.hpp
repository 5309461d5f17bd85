// ResultReader: reads the results that a worker process sends.
#pragma once

#include <syncopate/detail/process/process_protocol.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/types.h>

namespace syncopate::inline v0_1::detail {

/// As many at a time as have come; nothing here waits.
class ResultReader {
public:
    explicit ResultReader(int socket) noexcept : socket_(socket) {}

    /// Nothing more can be read.
    bool is_at_end() const noexcept { return is_at_end_; }
    /// The same, because what has come makes no sense, or there is no memory for it. Nobody knows where the next result
    /// would begin.
    bool is_senseless() const noexcept { return is_senseless_; }

    /// Reads so many times at most, and calls `take(kind, bytes)` for each result, which returns false if that makes no
    /// sense.
    template <class Take>
    void read(std::size_t reads, Take take) noexcept {
        try {
            for (; !is_at_end_ && reads != 0; --reads) {
                bool const has_come = is_large() ? read_into_result(take) : read_into_buffer(take);
                if (!has_come)
                    return;
            }
        } catch (...) {  // no memory for a result of the size that was told
            set_senseless();
        }
    }

private:
    static constexpr std::size_t buffer_size = 65536;
    static constexpr std::size_t chunk = 1U << 18U;

    bool has_header() const noexcept { return in_header_ == sizeof header_; }
    std::size_t missing() const noexcept { return header_.size - result_.size(); }
    bool is_large() const noexcept { return has_header() && missing() >= buffer_size; }

    void set_senseless() noexcept { is_senseless_ = is_at_end_ = true; }

    template <class Take>
    bool read_into_buffer(Take& take) {
        char buffer[buffer_size];
        auto const count = receive(buffer, sizeof buffer);
        if (count != 0)
            parse(buffer, count, take);
        return count != 0;
    }

    template <class Take>
    bool read_into_result(Take& take) {
        auto const old = result_.size();
        result_.resize(old + (std::min)(missing(), chunk));
        auto const count = receive(result_.data() + old, result_.size() - old);
        result_.resize(old + count);
        if (count != 0 && missing() == 0)
            finish(take);
        return count != 0;
    }

    /// Returns zero if nothing has come, also at the end.
    std::size_t receive(char* data, std::size_t size) noexcept {
        ssize_t count = 0;
        do
            count = ::recv(socket_, data, size, MSG_DONTWAIT);
        while (count < 0 && errno == EINTR);
        if (count > 0)
            return static_cast<std::size_t>(count);
        is_at_end_ = count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
        return 0;
    }

    template <class Take>
    void parse(char const* data, std::size_t size, Take& take) {
        while (size != 0 && !is_senseless_) {
            if (!has_header()) {
                auto const part = (std::min)(size, sizeof header_ - in_header_);
                std::memcpy(reinterpret_cast<char*>(&header_) + in_header_, data, part);
                in_header_ += part;
                data += part;
                size -= part;
                if (!has_header())
                    return;
                result_.reserve(header_.size);
            }
            auto const part = (std::min)(size, missing());
            result_.insert(result_.end(), data, data + part);
            data += part;
            size -= part;
            if (missing() == 0)
                finish(take);
        }
    }

    template <class Take>
    void finish(Take& take) {
        in_header_ = 0;
        if (!take(header_.kind, std::exchange(result_, {})))
            set_senseless();
    }

    int const socket_;
    bool is_at_end_ = false;
    bool is_senseless_ = false;
    ResultHeader header_;
    std::size_t in_header_ = 0;
    Bytes result_;
};

}  // namespace syncopate::inline v0_1::detail
