// DownloadFile: a file that appears under its name only when it is complete.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace syncopate::inline v0_1::http::detail {

/// Written under another name in the same directory. The destructor removes it unless commit() was called, or it is to be
/// gone on with. A device or a pipe, such as /dev/null, cannot be replaced: it is written to as the bytes come.
class DownloadFile {
public:
    /// What becomes of a file that is not complete.
    enum class Unfinished { removed, kept };

    /// path:      of a regular file, which stays as it is until commit() replaces it, of a device or a pipe, or of
    ///            nothing yet.
    /// Throws:    std::system_error with the path.
    explicit DownloadFile(std::filesystem::path path, Unfinished unfinished = Unfinished::removed)
        : path_(std::move(path)), unfinished_(unfinished) {
        struct stat old{};
        bool const exists = ::stat(path_.c_str(), &old) == 0;
        if (!exists && errno != ENOENT)
            fail(last_error(), "cannot be created");
        if (exists && S_ISDIR(old.st_mode))
            fail(std::make_error_code(std::errc::invalid_argument), "a directory");
        if (exists && (!S_ISREG(old.st_mode) || is_open_file(path_)))
            write_to_path();
        else
            create_beside(exists ? &old : nullptr);
    }
    DownloadFile(DownloadFile const&) = delete;
    DownloadFile& operator=(DownloadFile const&) = delete;
    ~DownloadFile() { remove(); }

    /// Whether there may be something to go on with: it is a file, and was not to be removed.
    bool is_kept() const noexcept { return unfinished_ == Unfinished::kept && !partial_.empty(); }
    /// Of what is kept: where.
    std::filesystem::path const& partial() const noexcept { return partial_; }
    /// Of what is kept: how much there is.
    std::uint64_t size() const noexcept { return size_; }

    /// Drops what was written.
    void restart() {
        if (partial_.empty() && size_ == 0)
            return;
        if (::ftruncate(file_, 0) != 0 || ::lseek(file_, 0, SEEK_SET) != 0)
            fail(last_error(), "cannot be written anew");
        size_ = 0;
    }
    /// Has it be removed, though it was to be kept.
    void discard() noexcept { unfinished_ = Unfinished::removed; }

    void write(std::string_view data) {
        while (!data.empty()) {
            auto const written = ::write(file_, data.data(), data.size());
            if (written < 0 && errno != EINTR)
                fail(last_error(), "cannot be written");
            auto const count = static_cast<std::size_t>(written < 0 ? 0 : written);
            data.remove_prefix(count);
            size_ += count;
        }
    }

    /// Gives the file its name.
    void commit() {
        // Otherwise a system that crashes soon could have the new name, and not the bytes.
        if (!partial_.empty() && ::fsync(file_) != 0 && errno != EINVAL && errno != ENOTSUP)
            fail(last_error(), "cannot be written");
        // Some file systems report only here that there is no room.
        if (::close(std::exchange(file_, -1)) != 0 && errno != EINTR)
            fail(last_error(), "cannot be written");
        if (partial_.empty())
            return;
        if (::rename(partial_.c_str(), path_.c_str()) != 0)
            fail(last_error(), "cannot be replaced");
        partial_.clear();
    }

private:
    static std::error_code last_error() noexcept { return {errno, std::system_category()}; }

    [[noreturn]] void fail(std::error_code error, char const* what) {
        remove();
        throw std::system_error(error, path_.string() + ": " + what);
    }

    void remove() noexcept {
        if (file_ >= 0)
            ::close(std::exchange(file_, -1));
        if (!partial_.empty() && unfinished_ == Unfinished::removed)
            ::unlink(partial_.c_str());
        partial_.clear();
    }

    /// Whether it is one that a process has open, under a name such as /dev/stdout or /proc/self/fd/3: whoever opened
    /// it would not see another one in its place.
    static bool is_open_file(std::filesystem::path const& path) {
        std::error_code error;
        auto const real = canonical(path, error).string();
        for (std::string_view const folder : {"/dev/", "/proc/"})
            if (path.string().starts_with(folder))
                return !real.starts_with(folder);
        return false;
    }

    /// What a chain of symbolic links leads to, also if there is nothing yet: the links stay.
    static std::filesystem::path target_of(std::filesystem::path path) {
        constexpr int most = 40;  // as the system
        std::error_code error;
        for (int i = 0; i < most && is_symlink(path, error); ++i) {
            auto const next = read_symlink(path, error);
            if (error)
                break;
            path = next.is_absolute() ? next : path.parent_path() / next;
        }
        return path;
    }

    void write_to_path() {
        file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
        if (file_ < 0)
            fail(last_error(), "cannot be written");
    }

    /// old:  the file that is to be replaced, or null.
    void create_beside(struct stat const* old) {
        path_ = target_of(std::move(path_));
        if (unfinished_ == Unfinished::kept)
            return go_on(old);
        // The name does not depend on the file's own, which may have all the length that the system allows.
        std::random_device random;
        auto const directory = path_.parent_path();
        do {
            partial_ = directory / (".download-" + std::to_string(random()) + ".part");
            file_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        } while (file_ < 0 && errno == EEXIST);
        if (file_ < 0) {
            auto const error = last_error();
            partial_.clear();
            fail(error, "cannot be created");
        }
        if (old)
            take_over(*old);
    }

    /// Opens what an earlier download has left, or begins anew.
    void go_on(struct stat const* old) {
        partial_ = partial_of(path_);
        // No link of somebody else's, in a directory that is not only ours.
        file_ =
            ::open(partial_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0666);
        struct stat found{};
        if (file_ < 0 || ::fstat(file_, &found) != 0)
            fail(last_error(), "what there is of it cannot be opened");
        if (!S_ISREG(found.st_mode))
            fail(
                std::make_error_code(std::errc::invalid_argument),
                "what there is of it is no file");
        if (::flock(file_, LOCK_EX | LOCK_NB) != 0)
            fail(std::make_error_code(std::errc::device_or_resource_busy), "is being downloaded");
        auto const end = ::lseek(file_, 0, SEEK_END);
        if (end < 0)
            fail(last_error(), "what there is of it cannot be read");
        size_ = static_cast<std::uint64_t>(end);
        if (old)
            take_over(*old);
    }

    /// The same for each download to that path. The system limits the length of a name.
    static std::filesystem::path partial_of(std::filesystem::path const& path) {
        constexpr std::size_t longest = 240;
        auto name = path.filename().string();
        if (name.size() > longest) {
            auto const number = std::hash<std::string>()(name);
            name.resize(longest / 2);
            name += '-' + std::to_string(number);
        }
        return path.parent_path() / (name + ".part");
    }

    /// Has the new file be as open to others as the old one was, and belong to the same as far as the system lets it.
    /// Rights of the old one's group are not for another group.
    void take_over(struct stat const& old) {
        constexpr mode_t rights = 0777;
        constexpr mode_t rights_without_group = 0707;
        constexpr auto unchanged = static_cast<uid_t>(-1);
        bool const has_owner =
            old.st_uid == ::geteuid() || ::fchown(file_, old.st_uid, old.st_gid) == 0;
        struct stat made{};
        bool const has_group = (::fstat(file_, &made) == 0 && made.st_gid == old.st_gid) ||
                               ::fchown(file_, has_owner ? old.st_uid : unchanged, old.st_gid) == 0;
        if (::fchmod(file_, old.st_mode & (has_group ? rights : rights_without_group)) != 0)
            fail(last_error(), "cannot be created");
    }

    std::filesystem::path path_;
    std::filesystem::path partial_;  // empty: the file itself is written
    Unfinished unfinished_;
    int file_ = -1;
    std::uint64_t size_ = 0;  // written
};

}  // namespace syncopate::inline v0_1::http::detail
