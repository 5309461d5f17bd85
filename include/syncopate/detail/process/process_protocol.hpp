// ServerMessage, RequestHeader, ResultHeader: what the processes of a ProcessPool tell each other. WorkerSlot: the
// memory that a worker shares with those who give it calls.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace syncopate::inline v0_1::detail {

using Bytes = std::vector<char>;

/// Between a pool and the process that makes its workers, one a packet.
struct ServerMessage {
    enum class Kind : std::uint32_t {
        open,        ///< to it, with a socket: of a pool
        make_one,    ///< to it, with a socket: of a worker
        kill,        ///< to it
        expect_end,  ///< to it: the worker has closed its socket, and has to end soon
        ended,       ///< from it, with what waitpid() told
        failed,      ///< from it, with errno: the worker could not be made
    };

    Kind kind{};
    std::uint32_t slot = 0;  ///< which worker
    std::int32_t status = 0;
    /// With `ended`: the worker did not end soon, and has been killed for that.
    std::uint32_t was_forced = 0;
};

/// The function of a call, and the one that reads its arguments, calls it and writes what it gives. The pointers hold
/// in the worker, since it is forked from the process that gives them.
struct RemoteFunction {
    using Plain = void (*)();
    using Invoke = void (*)(Plain function, char const* data, std::size_t size, Bytes& result);

    Invoke invoke = nullptr;
    Plain function = nullptr;
};

/// To a worker, in front of the arguments. All of this is between copies of one program, so there is no byte order.
struct RequestHeader {
    std::uint64_t size = 0;
    std::uint64_t number = 0;  ///< of the call, among those that this worker was given
    RemoteFunction function;
};

/// From a worker, in front of a result or a message. There is one for each request, in their order.
struct ResultHeader {
    enum class Kind : std::uint64_t {
        value,
        error,      ///< the text of the exception
        not_begun,  ///< the call had been withdrawn
    };

    std::uint64_t size = 0;
    Kind kind{};
};

/// A worker is sent calls in advance, while it still does others. For each of them this decides between the two
/// sides: either the worker begins it, or the pool withdraws it. So no call is done twice, and with a worker that
/// ends no call is lost but those that it has begun.
///
/// Memory order. Nothing is handed over by it: the call comes through the socket, and so does its result. Whoever
/// succeeds with the compare-exchange has the call; each operation is on one word, so relaxed would do. It lies in memory
/// that both processes have mapped, and a lock-free atomic does not depend on its address.
class WorkerSlot {
public:
    static constexpr std::uint64_t depth = 32;  ///< as many calls a worker has at most

    /// Before the call is sent.
    void set_queued(std::uint64_t number) noexcept { word(number).store(number << 2U | queued); }

    /// By the worker. Returns false if it has been withdrawn.
    bool begin(std::uint64_t number) noexcept { return change(number, begun); }

    /// Returns false if the worker has begun it.
    bool withdraw(std::uint64_t number) noexcept { return change(number, withdrawn); }

    bool has_begun(std::uint64_t number) noexcept {
        return word(number).load() == (number << 2U | begun);
    }

private:
    static constexpr std::uint64_t queued = 1;
    static constexpr std::uint64_t begun = 2;
    static constexpr std::uint64_t withdrawn = 3;

    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

    std::atomic<std::uint64_t>& word(std::uint64_t number) noexcept {
        return words_[number % depth];
    }

    bool change(std::uint64_t number, std::uint64_t to) noexcept {
        std::uint64_t expected = number << 2U | queued;
        return word(number).compare_exchange_strong(expected, number << 2U | to);
    }

    std::atomic<std::uint64_t> words_[depth];  // zero, as new memory is
};

}  // namespace syncopate::inline v0_1::detail
