// A running hash of 64 bits, long enough that two of some millions of states hardly ever meet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace model {

class Hash {
public:
    void add(std::uint64_t word) {
        value_ = (value_ ^ word) * 0x9e3779b97f4a7c15;
        value_ ^= value_ >> 32;
    }
    template <class Range>
    void add_all(Range const& words) {
        for (auto const word : words)
            add(word);
    }
    void add_address(void const* address) { add(reinterpret_cast<std::uintptr_t>(address)); }

    std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = 0x243f6a8885a308d3;
};

}  // namespace model
