// KeyLog: the file to which the keys of TLS connections are appended.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace syncopate::inline v0_1::http::detail {

/// In the format of NSS, one line a secret. Others may append to the same file: each line is one write.
class KeyLog {
public:
    /// Only its owner may read a file that is made. Throws: std::system_error with the path.
    explicit KeyLog(std::string const& path)
        : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600)) {
        if (file_ < 0)
            throw std::system_error(errno, std::system_category(), path);
    }
    KeyLog(KeyLog const&) = delete;
    KeyLog& operator=(KeyLog const&) = delete;
    ~KeyLog() { ::close(file_); }

    /// A line that cannot be written is missing: no connection fails for it.
    void write(std::string_view line) const {
        auto const text = std::string(line) + '\n';
        [[maybe_unused]] auto const size = ::write(file_, text.data(), text.size());
    }

private:
    int const file_;
};

}  // namespace syncopate::inline v0_1::http::detail
