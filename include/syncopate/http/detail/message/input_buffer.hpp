// InputBuffer: the bytes that a connection has received and that are not yet consumed.
#pragma once

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Contiguous, since a header is parsed as a whole. A read that fills the buffer makes it grow: so a long body
/// takes few reads, and a short one little memory.
class InputBuffer {
public:
    std::string_view view() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
    bool empty() const noexcept { return begin_ == end_; }

    void consume(std::size_t size) noexcept {
        begin_ += size;
        if (begin_ == end_)
            begin_ = end_ = 0;
    }

    /// The memory for the next read, at least one byte. Invalidates view().
    boost::asio::mutable_buffer prepare() {
        if (begin_ > 0)
            close_gap();
        if (end_ == capacity_ || wants_more_)
            grow();
        return {data_.get() + end_, capacity_ - end_};
    }

    /// Adds the bytes that were read into that memory.
    void commit(std::size_t size) noexcept {
        end_ += size;
        wants_more_ = end_ == capacity_ && capacity_ < largest;
    }

    /// Adds bytes that have been received elsewhere. Invalidates view().
    void append(std::string_view bytes) {
        auto const size = end_ - begin_ + bytes.size();
        if (size > capacity_)
            move_to((std::max)({size, 2 * capacity_, least}));
        else if (bytes.size() > capacity_ - end_)
            close_gap();
        std::copy_n(bytes.data(), bytes.size(), data_.get() + end_);
        end_ += bytes.size();
    }

    /// Gives back the memory that a long body took. For an idle connection, whose buffer is empty.
    void shrink() noexcept {
        if (capacity_ > smallest) {
            data_.reset();
            begin_ = end_ = capacity_ = 0;
        }
        wants_more_ = false;
    }

    static constexpr std::size_t smallest = std::size_t{16} * 1024;
    /// Also the most bytes of a body that wait for their reader. A header may take more.
    static constexpr std::size_t largest = std::size_t{256} * 1024;

private:
    /// For bytes that are appended: enough for a short response, and so little that the allocator has it at hand.
    static constexpr std::size_t least = 1000;

    void close_gap() noexcept {
        std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }

    void grow() { move_to((std::max)(smallest, 2 * capacity_)); }

    void move_to(std::size_t capacity) {
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

}  // namespace syncopate::inline v0_1::http::detail
