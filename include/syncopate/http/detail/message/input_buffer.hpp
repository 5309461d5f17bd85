// What a connection has received and nobody has used yet.
#pragma once

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace syncopate::http::detail {

/// One contiguous piece of memory, since a header is parsed as a whole. It grows as long as what is read at
/// once fills it: a long body then takes few reads, and a short one little memory.
class InputBuffer {
public:
    std::string_view view() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
    bool empty() const noexcept { return begin_ == end_; }

    void consume(std::size_t size) noexcept {
        begin_ += size;
        if (begin_ == end_)
            begin_ = end_ = 0;
    }

    /// Room for what is read next, at least one byte of it. Invalidates view().
    boost::asio::mutable_buffer prepare() {
        if (begin_ > 0) {
            std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        if (end_ == capacity_ || wants_more_)
            grow();
        return {data_.get() + end_, capacity_ - end_};
    }

    /// So much has been read into that room.
    void commit(std::size_t size) noexcept {
        end_ += size;
        wants_more_ = end_ == capacity_ && capacity_ < largest;
    }

    /// For the time without a response: gives back what a long body took.
    void shrink() noexcept {
        if (capacity_ > smallest) {
            data_.reset();
            begin_ = end_ = capacity_ = 0;
        }
        wants_more_ = false;
    }

    static constexpr std::size_t smallest = std::size_t{16} * 1024;
    /// Also what a stream may have waiting for its reader. A header may take more.
    static constexpr std::size_t largest = std::size_t{256} * 1024;

private:
    void grow() {
        auto const capacity = (std::max)(smallest, 2 * capacity_);
        std::unique_ptr<char[]> data(new char[capacity]);  // not initialised
        std::copy_n(data_.get() + begin_, end_ - begin_, data.get());
        data_ = std::move(data);
        end_ -= begin_;
        begin_ = 0;
        capacity_ = capacity;
        wants_more_ = false;
    }

    std::unique_ptr<char[]> data_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t capacity_ = 0;
    bool wants_more_ = false;
};

}  // namespace syncopate::http::detail
