// An executor that tells whose loop its handlers belong to.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/wait_graph.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <memory>
#include <utility>

namespace syncopate::detail {

/// Passes everything on to `Inner`, but for a ServingScope around what it executes, which is how a
/// blocking call from a task of the loop is recognised. What is pending keeps the loop object alive.
template <class Inner>
class TracedExecutor {
public:
    TracedExecutor(Inner inner, std::shared_ptr<Loop> loop) noexcept
        : inner_(std::move(inner)), loop_(std::move(loop)) {}

    template <class Property>
    auto query(Property const& property) const noexcept
        -> decltype(boost::asio::query(std::declval<Inner const&>(), property)) {
        return boost::asio::query(inner_, property);
    }

    template <class Property>
    auto require(Property const& property) const noexcept -> TracedExecutor<
        std::decay_t<decltype(boost::asio::require(std::declval<Inner const&>(), property))>> {
        return {boost::asio::require(inner_, property), loop_};
    }

    template <class Property>
    auto prefer(Property const& property) const noexcept -> TracedExecutor<
        std::decay_t<decltype(boost::asio::prefer(std::declval<Inner const&>(), property))>> {
        return {boost::asio::prefer(inner_, property), loop_};
    }

    template <class Function>
    void execute(Function function) const {
        inner_.execute([loop = loop_, function = std::move(function)]() mutable {
            ServingScope const serving(loop->identity(), ServingScope::Kind::own_thread);
            std::move(function)();
        });
    }

    friend bool operator==(TracedExecutor const& a, TracedExecutor const& b) noexcept {
        return a.inner_ == b.inner_ && a.loop_ == b.loop_;
    }

private:
    Inner inner_;
    std::shared_ptr<Loop> loop_;
};

}  // namespace syncopate::detail
