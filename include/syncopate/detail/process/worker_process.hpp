// WorkerProcess: what a process of a ProcessPool does: it calls functions, one after another. RequestReader: reads them.
#pragma once

#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/system/forks.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <string_view>

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

/// Reads requests, as many at a time as have come.
class RequestReader {
public:
    explicit RequestReader(int socket) noexcept : socket_(socket) {}

    /// Blocks until a request has come. Returns false at the end.
    bool read(RequestHeader& header) {
        begin_ += taken_;
        taken_ = 0;
        if (!fill(sizeof header))
            return false;
        std::memcpy(&header, bytes_.data() + begin_, sizeof header);
        begin_ += sizeof header;
        if (!fill(header.size))
            return false;
        taken_ = header.size;
        return true;
    }

    /// The arguments, until the next read().
    char const* data() const noexcept { return bytes_.data() + begin_; }

private:
    static constexpr std::size_t usual = 65536;

    bool fill(std::size_t needed) {
        if (end_ - begin_ >= needed)
            return true;
        make_room(needed);
        while (end_ - begin_ < needed) {
            ssize_t const count = ::recv(socket_, bytes_.data() + end_, bytes_.size() - end_, 0);
            if (count > 0)
                end_ += static_cast<std::size_t>(count);
            else if (count == 0 || errno != EINTR)
                return false;
        }
        return true;
    }

    void make_room(std::size_t needed) {
        if (begin_ != 0)
            std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        if (bytes_.size() < needed || bytes_.size() < usual)
            bytes_.resize(needed < usual ? usual : needed);
        else if (bytes_.size() > 16 * usual && needed <= usual && end_ <= usual) {
            bytes_.resize(usual);  // what one large call took is given back
            bytes_.shrink_to_fit();
        }
    }

    int socket_;
    Bytes bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t taken_ = 0;
};

/// Does not return. What leaves it by an exception ends the process, and is told as its end.
class WorkerProcess {
public:
    WorkerProcess(int socket, WorkerSlot& slot) noexcept
        : socket_(socket), slot_(slot), requests_(socket) {}

    [[noreturn]] void run() noexcept {
        RequestHeader request;
        while (requests_.read(request))
            serve(request);
        end();
    }

private:
    // Not exit(): objects with static storage duration, and what is buffered, are the other process's.
    [[noreturn]] static void end() noexcept { ::_exit(0); }

    void serve(RequestHeader const& request) {
        result_.assign(sizeof(ResultHeader), 0);
        auto kind = ResultHeader::Kind::not_begun;
        if (slot_.begin(request.number))
            kind = call(request);
        ResultHeader const header{result_.size() - sizeof header, kind};
        std::memcpy(result_.data(), &header, sizeof header);
        send();
        if (result_.capacity() > largest_kept)
            Bytes().swap(result_);
    }

    ResultHeader::Kind call(RequestHeader const& request) {
        auto kind = ResultHeader::Kind::value;
        try {
            request.function.invoke(
                request.function.function, requests_.data(), request.size, result_);
        } catch (std::exception const& error) {
            kind = say(error.what());
        } catch (...) {
            kind = say("an exception that is no std::exception");
        }
        // A function that forks and returns twice has its answer from this process only.
        if (process_ != this_process())
            end();
        flush();
        return kind;
    }

    ResultHeader::Kind say(std::string_view text) {
        result_.resize(sizeof(ResultHeader));
        result_.insert(result_.end(), text.begin(), text.end());
        return ResultHeader::Kind::error;
    }

    /// What the function has printed is seen when it returns, and not lost with the process.
    static void flush() {
        std::fflush(stdout);
        std::cout.flush();
    }

    void send() {
        for (std::size_t sent = 0; sent < result_.size();) {
            ssize_t const count =
                ::send(socket_, result_.data() + sent, result_.size() - sent, MSG_NOSIGNAL);
            if (count >= 0)
                sent += static_cast<std::size_t>(count);
            else if (errno != EINTR)
                end();
        }
    }

    static constexpr std::size_t largest_kept = 1U << 20U;

    int const socket_;
    WorkerSlot& slot_;
    RequestReader requests_;
    unsigned const process_ = this_process();
    Bytes result_;
};

}  // namespace syncopate::inline v0_1::detail
