// The same bridge on libuv: uv_async_send there, a condition variable back.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <uv.h>

namespace bench {

class Libuv {
    struct Call {
        int value;
        bool is_done = false;
        std::condition_variable done{};
    };

public:
    Libuv() {
        ::uv_loop_init(&loop_);
        async_.data = this;
        ::uv_async_init(
            &loop_, &async_, [](uv_async_t* async) { static_cast<Libuv*>(async->data)->serve(); });
        thread_ = std::thread([this] { ::uv_run(&loop_, UV_RUN_DEFAULT); });
    }
    Libuv(Libuv const&) = delete;
    Libuv& operator=(Libuv const&) = delete;
    ~Libuv() {
        {
            std::lock_guard lock(mutex_);
            stop_ = true;
        }
        ::uv_async_send(&async_);
        thread_.join();
        ::uv_loop_close(&loop_);
    }

    int call(int value) {
        Call call{value};
        {
            std::lock_guard lock(mutex_);
            calls_.push_back(&call);
        }
        ::uv_async_send(&async_);
        std::unique_lock lock(mutex_);
        call.done.wait(lock, [&] { return call.is_done; });
        return call.value;
    }

private:
    void serve() {
        std::lock_guard lock(mutex_);
        for (Call* const call : std::exchange(calls_, {})) {
            call->value *= 2;
            call->is_done = true;
            call->done.notify_one();
        }
        if (stop_)
            ::uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
    }

    uv_loop_t loop_;
    uv_async_t async_;
    std::mutex mutex_;
    std::vector<Call*> calls_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace bench
