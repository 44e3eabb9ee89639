#include "platform/cache/coherence.hpp"

#include <mutex>
#include <utility>

namespace guildhall::cache {

class Coherence::Registered final : public Registration {
public:
    Registered(Coherence& coherence, std::string_view kind, Drop on_drop, Clear on_clear)
        : drop(std::move(on_drop)), clear(std::move(on_clear)), coherence_(coherence) {
        const std::lock_guard lock(coherence_.mutex_);
        place_ = coherence_.registered_.emplace(kind, this);
    }
    ~Registered() override {
        const std::lock_guard lock(coherence_.mutex_);
        coherence_.registered_.erase(place_);
    }

    const Drop drop;
    const Clear clear;

private:
    Coherence& coherence_;
    std::multimap<std::string, const Registered*, std::less<>>::iterator place_;
};

std::unique_ptr<Coherence::Registration> Coherence::on(std::string_view kind, Drop drop, Clear clear) {
    return std::make_unique<Registered>(*this, kind, std::move(drop), std::move(clear));
}

Task<void> Coherence::changed(Changes changes) {
    AnnouncementPointer announcement = announce(changes);
    if (announcement) co_await wait_until_dropped(std::move(announcement));
}

void Coherence::drop(std::string_view kind, const std::vector<std::int64_t>& ids) const {
    const std::shared_lock lock(mutex_);
    const auto [first, last] = registered_.equal_range(kind);
    for (auto registered = first; registered != last; ++registered)
        for (const std::int64_t id : ids) registered->second->drop(id);
}

void Coherence::drop(const Changes& changes) const {
    for (const Change& change : changes) drop(change.kind, change.ids);
}

void Coherence::clear(std::string_view service) const {
    const std::shared_lock lock(mutex_);
    for (const auto& [kind, registered] : registered_)
        if (service.empty() || service_of(kind) == service) registered->clear();
}

std::string_view service_of(std::string_view kind) { return kind.substr(0, kind.find('.')); }

namespace {

class MemoryCoherence final : public Coherence {
public:
    AnnouncementPointer announce(const Changes& changes) override {
        drop(changes);
        return nullptr;
    }
    Task<void> wait_until_dropped(AnnouncementPointer) override { co_return; }
};

}  // namespace

std::unique_ptr<Coherence> make_memory_coherence() { return std::make_unique<MemoryCoherence>(); }

}  // namespace guildhall::cache
