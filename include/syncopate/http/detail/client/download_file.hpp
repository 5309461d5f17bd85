// DownloadFile: a file that appears under its name only when it is complete.
#pragma once

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace syncopate::inline v0_1::http::detail {

/// Written under another name in the same directory. The destructor removes it unless commit() was called.
class DownloadFile {
public:
    /// path:      of a regular file, which stays as it is until commit() replaces it, or of nothing yet.
    /// Throws:    std::system_error with the path.
    explicit DownloadFile(std::filesystem::path path) : path_(std::move(path)) {
        if (exists(path_)) {
            path_ = canonical(path_);  // a symbolic link stays, and what it leads to is replaced
            if (!is_regular_file(path_))
                fail(std::make_error_code(std::errc::invalid_argument), "no regular file");
        }
        std::random_device random;
        do {
            partial_ = path_;
            partial_ += "." + std::to_string(random()) + ".part";
            file_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        } while (file_ < 0 && errno == EEXIST);
        if (file_ < 0)
            fail(last_error(), "cannot be created");
    }
    DownloadFile(DownloadFile const&) = delete;
    DownloadFile& operator=(DownloadFile const&) = delete;
    ~DownloadFile() {
        if (file_ >= 0)
            ::close(file_);
        if (!partial_.empty())
            ::unlink(partial_.c_str());
    }

    void write(std::string_view data) {
        while (!data.empty()) {
            auto const written = ::write(file_, data.data(), data.size());
            if (written < 0 && errno != EINTR)
                fail(last_error(), "cannot be written");
            data.remove_prefix(static_cast<std::size_t>(written < 0 ? 0 : written));
        }
    }

    /// Gives the file its name.
    void commit() {
        // Some file systems report only here that there is no room.
        if (::close(std::exchange(file_, -1)) != 0 && errno != EINTR)
            fail(last_error(), "cannot be written");
        if (::rename(partial_.c_str(), path_.c_str()) != 0)
            fail(last_error(), "cannot be replaced");
        partial_.clear();
    }

private:
    static std::error_code last_error() noexcept { return {errno, std::system_category()}; }

    [[noreturn]] void fail(std::error_code error, char const* what) const {
        throw std::system_error(error, path_.string() + ": " + what);
    }

    std::filesystem::path path_;
    std::filesystem::path partial_;
    int file_ = -1;
};

}  // namespace syncopate::inline v0_1::http::detail
