// SessionCore: the settings, cookies and proxies of a session, and the way to its loop from other threads.
#pragma once

#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/error.hpp>
#include <syncopate/http/cookies.hpp>
#include <syncopate/http/detail/connection/environment_proxies.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/tls.hpp>
#include <syncopate/http/detail/lookup/fixed_addresses.hpp>
#include <syncopate/http/detail/message/default_fields.hpp>
#include <syncopate/http/detail/message/netrc.hpp>
#include <syncopate/http/detail/session/digest_sessions.hpp>
#include <syncopate/http/detail/session/features.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/detail/url/refuse_url.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

using SessionLoopPointer = std::shared_ptr<SessionLoop>;

/// Shared by the session, its requests, responses and WebSockets. On the session's loop, except post().
class SessionCore : public std::enable_shared_from_this<SessionCore> {
public:
    /// With the default options, and without features until request() of the session is called.
    SessionCore() : default_fields_(options_), tls_(options_) {}
    SessionCore(SessionOptions options, Features const& features)
        : options_(std::move(options)), features_(&features), default_fields_(options_),
          tls_(options_) {
        (this->*features.set_up)();
    }
    SessionCore(SessionCore const&) = delete;
    SessionCore& operator=(SessionCore const&) = delete;

    SessionOptions const& options() const noexcept { return options_; }
    DefaultFields const& default_fields() const noexcept { return default_fields_; }
    /// Null unless SessionOptions::resolve has named some of that host.
    Addresses const* addresses_of(std::string_view host, std::uint16_t port) const {
        auto const* const given = features();
        return given ? (this->*given->find_addresses)(host, port) : nullptr;
    }
    Tls& tls() noexcept { return tls_; }
    /// Null unless SessionOptions::cookies is set.
    CookieJar* cookies() noexcept { return cookies_ ? &*cookies_ : nullptr; }
    /// Null unless SessionOptions::netrc is set.
    Netrc const* netrc() const noexcept { return netrc_ ? &*netrc_ : nullptr; }
    DigestSessions& digests() noexcept { return digests_; }
    /// The proxy for a URL; null: none.
    Proxy const* proxy_for(Url const& url) const {
        auto const* const given = features();
        return given ? (this->*given->find_proxy)(url) : nullptr;
    }

    /// Null if nobody has asked for any.
    Features const* features() const noexcept { return features_.load(std::memory_order_relaxed); }
    /// To be called before what may need them. From any thread: the table is a constant, so that there is nothing which the
    /// pointer would have to publish.
    void allow(Features const& features) noexcept {
        if (!this->features())
            features_.store(&features, std::memory_order_relaxed);
    }
    /// Null before its first use, and after its end.
    SessionLoopPointer const& loop() const noexcept { return loop_; }

    /// Whether the session was used before the fork that has made this process: its connections are the parent's.
    bool was_forked() const noexcept { return in_use_.before_fork(); }

    /// Throws: syncopate::Errc::forked.
    void require_here() const {
        if (was_forked())
            throw std::system_error(
                make_error_code(::syncopate::Errc::forked), "http::ClientSession");
    }

    /// Gives the session's loop. The first call decides which loop that is.
    ///
    /// executor:  of the calling coroutine.
    /// url:       of the request, for the message of an error; empty: there is none.
    /// Throws:    Errc::session_closed; std::logic_error on another loop; syncopate::Errc::forked.
    SessionLoopPointer enter(asio::any_io_executor const& executor, std::string_view url = {}) {
        if (!in_use_.note())
            require_here();
        if (is_closed_)
            throw_error(Errc::session_closed, url.empty() ? "its loop" : redacted_url(url));
        if (!loop_) {
            auto loop = std::make_shared<SessionLoop>(
                ::syncopate::detail::without_caller(executor), options_);
            if (auto const* const given = features();
                given && options_.http2() && (*given->can_share)())
                loop->pool.allow_sharing();
            loop->on_lost = [weak = weak_from_this()] {
                if (auto const self = weak.lock())
                    self->forget_loop();
            };
            std::lock_guard const lock(mutex_);
            loop_ = std::move(loop);
        } else if (&loop_->context() != &asio::query(executor, asio::execution::context)) {
            throw std::logic_error("a session is used on another loop than that of its first use");
        }
        return loop_;
    }

    bool is_closed() const noexcept { return is_closed_; }

    /// Refuses further requests, and ends those under way. Returns the connections that were idle.
    std::vector<Lease> close() {
        is_closed_ = true;
        if (!loop_)
            return {};
        // The loop is reset last: its users detach through post(), which needs it.
        auto idle = loop_->close();
        forget_loop();
        return idle;
    }

    /// Has f called on the loop. If the loop has ended, f is destroyed here instead. From any thread. In the child
    /// of a fork f is kept for ever, with the connections that it has.
    template <class F>
    void post(F f) noexcept {
        if (was_forked())
            return ::syncopate::detail::keep_for_ever(std::move(f));
        try {
            // The execution context cannot end meanwhile: its end takes this lock, in forget_loop().
            std::lock_guard const lock(mutex_);
            if (loop_)
                asio::post(loop_->executor, std::move(f));
        } catch (...) {  // out of memory: the end of the loop cleans up
        }
    }

private:
    friend class AllFeatures;

    void set_up() {
        fixed_addresses_ = FixedAddresses(options_);
        if (!options_.proxy().empty())
            proxy_.emplace(options_.proxy());
        else if (options_.trust_environment())
            environment_.emplace();
        if (options_.cookies())
            cookies_.emplace();
        if (!options_.netrc().empty())
            netrc_ = Netrc::read(options_.netrc());
    }
    Addresses const* find_addresses(std::string_view host, std::uint16_t port) const {
        return fixed_addresses_.find(host, port);
    }
    Proxy const* find_proxy(Url const& url) const {
        if (!options_.unix_socket().empty())
            return nullptr;
        if (proxy_)
            return &*proxy_;
        return environment_ ? environment_->find(url) : nullptr;
    }

    void forget_loop() noexcept {
        SessionLoopPointer forgotten;
        std::lock_guard const lock(mutex_);
        forgotten.swap(loop_);
    }

    SessionOptions const options_;
    std::atomic<Features const*> features_{nullptr};
    DefaultFields const default_fields_;
    FixedAddresses fixed_addresses_;
    Tls tls_;
    std::optional<Proxy> proxy_;
    std::optional<EnvironmentProxies> environment_;
    std::optional<CookieJar> cookies_;
    std::optional<Netrc> netrc_;
    DigestSessions digests_;
    ::syncopate::detail::UsedIn in_use_;
    bool is_closed_ = false;

    std::mutex mutex_;  // guards loop_ where another thread may read it
    SessionLoopPointer loop_;
};

}  // namespace syncopate::inline v0_1::http::detail
