// ProcessServer: the process from which the workers of all ProcessPools of this process are forked. LoadedCode: which
// functions it has.
#pragma once

#include <syncopate/detail/process/descriptor.hpp>
#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/process/server_process.hpp>
#include <syncopate/detail/process/shared_slots.hpp>
#include <syncopate/detail/system/forks.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <elf.h>
#include <link.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

/// The code that was there when the server was forked. A library that was loaded later is not in the workers, where its
/// addresses are nothing, or something else.
class LoadedCode {
public:
    LoadedCode() {
        ::dl_iterate_phdr(
            [](dl_phdr_info* library, std::size_t, void* ranges) {
                for (int i = 0; i < library->dlpi_phnum; ++i) {
                    auto const& segment = library->dlpi_phdr[i];
                    if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X))
                        continue;
                    auto const begin = library->dlpi_addr + segment.p_vaddr;
                    static_cast<std::vector<Range>*>(ranges)->push_back(
                        {begin, begin + segment.p_memsz});
                }
                return 0;
            },
            &ranges_);
    }

    bool has(RemoteFunction const& function) const noexcept {
        return has(reinterpret_cast<std::uintptr_t>(function.invoke)) &&
               has(reinterpret_cast<std::uintptr_t>(function.function));
    }

private:
    struct Range {
        std::uintptr_t begin;
        std::uintptr_t end;
    };

    bool has(std::uintptr_t address) const noexcept {
        return std::ranges::any_of(ranges_, [address](Range const& range) {
            return range.begin <= address && address < range.end;
        });
    }

    std::vector<Range> ranges_;
};

/// The pools share it. It ends with the last of them, unless it has been kept.
class [[gnu::visibility("default")]] ProcessServer {
public:
    /// The one of this process. Forks it if there is none.
    ///
    /// Throws: std::system_error if this process has threads already, and with errno if it cannot be forked.
    static std::shared_ptr<ProcessServer> get() {
        Registry& registry = registries_.get();
        std::lock_guard const lock(registry.mutex);
        return get(registry);
    }

    /// The same, and keeps it as long as this process lives.
    static void keep() {
        Registry& registry = registries_.get();
        std::lock_guard const lock(registry.mutex);
        registry.kept = get(registry);
    }

    ProcessServer(ProcessServer const&) = delete;
    ProcessServer& operator=(ProcessServer const&) = delete;

    /// Blocks: until the process has ended, and its workers.
    ~ProcessServer() {
        if (process_ != this_process())
            return;                            // it is the parent's child
        ::shutdown(socket_.get(), SHUT_RDWR);  // other children may have inherited it
        while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    /// Its workers are those of this socket. Throws: std::system_error if there is no descriptor, or no server any more.
    Descriptor open_session() {
        auto pair = make_socket_pair(SOCK_SEQPACKET);
        ServerMessage const open{ServerMessage::Kind::open, 0, 0, 0};
        if (!send_with_descriptor(socket_.get(), open, pair.there.get()))
            throw std::system_error(errno, std::system_category(), "the process server has ended");
        return std::move(pair.here);
    }

    LoadedCode const& code() const noexcept { return code_; }
    SharedSlots& worker_slots() noexcept { return slots_; }

    /// A pool has seen its end. A new one takes its place, where that is possible.
    void set_lost() noexcept {
        Registry& registry = registries_.get();
        std::lock_guard const lock(registry.mutex);
        is_lost_ = true;
    }

private:
    struct Registry {
        std::mutex mutex;
        std::weak_ptr<ProcessServer> current;
        std::shared_ptr<ProcessServer> kept;
    };

    ProcessServer() {
        refuse_threads();
        flush();
        auto pair = make_socket_pair(SOCK_SEQPACKET);
        pid_t const parent = ::getpid();
        id_ = ::fork();
        if (id_ == 0)
            ServerProcess(pair.there.get(), slots_.first(), parent).run();
        if (id_ < 0)
            throw std::system_error(errno, std::system_category(), "fork");
        socket_ = std::move(pair.here);
    }

    static std::shared_ptr<ProcessServer> get(Registry& registry) {
        if (auto current = registry.current.lock(); current && !current->is_lost_)
            return current;
        std::shared_ptr<ProcessServer> fresh(new ProcessServer());
        registry.current = fresh;
        return fresh;
    }

    /// A fork copies the thread that forks, and what the others held at that moment stays locked for ever. The kernel
    /// counts a thread for a moment after it has been joined.
    static void refuse_threads() {
        using namespace std::chrono_literals;
        auto threads = count_threads();
        for (int i = 0; i < 100 && threads > threads_of_sanitizer + 1; ++i) {
            std::this_thread::sleep_for(1ms);
            threads = count_threads();
        }
        if (threads <= threads_of_sanitizer + 1)
            return;
        throw std::system_error(
            std::make_error_code(std::errc::operation_not_permitted),
            "ProcessPool: its worker processes have to be forked before the program has threads, and it has " +
                std::to_string(threads) +
                " threads now. Call ProcessPool::prepare() at the beginning of main(), or make the pool there, before "
                "any runner is used; then pools can be made at any time");
    }

    /// Zero if the system does not tell.
    static long count_threads() {
        std::ifstream status("/proc/self/status");
        std::string const name = "Threads:";
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with(name))
                return std::strtol(line.c_str() + name.size(), nullptr, 10);
        }
        return 0;
    }

    /// Otherwise a worker that calls exit() would print it, too.
    static void flush() {
        std::fflush(nullptr);
        std::cout.flush();
        std::cerr.flush();
        std::clog.flush();
    }

#if defined(__SANITIZE_THREAD__)
    static constexpr long threads_of_sanitizer = 1;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    static constexpr long threads_of_sanitizer = 1;
#else
    static constexpr long threads_of_sanitizer = 0;
#endif
#else
    static constexpr long threads_of_sanitizer = 0;
#endif

    inline static PerProcess<Registry> registries_;

    unsigned const process_ = this_process();
    LoadedCode const code_;
    SharedSlots slots_;
    pid_t id_ = -1;
    Descriptor socket_;
    bool is_lost_ = false;  // under the registry's lock
};

}  // namespace syncopate::inline v0_1::detail
