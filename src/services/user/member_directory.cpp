#include "services/user/member_directory.hpp"

#include <algorithm>
#include <utility>

#include "platform/base/text.hpp"
#include "services/user/public/cache_kinds.hpp"

namespace guildhall::user {
namespace {

/// The ids whose place in `found` is empty, each once and in order of id.
template <class T>
std::vector<UserId> missing_of(const std::vector<UserId>& ids, const std::vector<std::shared_ptr<const T>>& found) {
    std::vector<UserId> missing;
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (!found[i] && ids[i]) missing.push_back(ids[i]);
    std::ranges::sort(missing);
    missing.erase(std::ranges::unique(missing).begin(), missing.end());
    return missing;
}

template <class T>
using Tickets = std::vector<typename cache::Local<UserId, T>::Ticket>;

/// The tickets of `missing`, to be taken before the truth is read.
template <class T>
Tickets<T> tickets_of(cache::Local<UserId, T>& cache, const std::vector<UserId>& missing) {
    Tickets<T> tickets;
    tickets.reserve(missing.size());
    for (auto id : missing) tickets.push_back(cache.ticket(id));
    return tickets;
}

/// Puts what was read into the cache and into the empty places of `found`.
template <class T, class Row>
void fill(cache::Local<UserId, T>& cache, std::vector<Row> read, const std::vector<UserId>& missing,
          const Tickets<T>& tickets, const std::vector<UserId>& ids, std::vector<std::shared_ptr<const T>>& found) {
    std::vector<std::shared_ptr<const T>> values(missing.size());
    const auto place_of = [&](UserId id) {
        return static_cast<std::size_t>(std::ranges::lower_bound(missing, id) - missing.begin());
    };
    for (Row& item : read) {
        const std::size_t at = place_of(item.id);
        values[at] = std::make_shared<const T>(std::move(item));
        cache.put(missing[at], values[at], tickets[at]);
    }
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (!found[i] && ids[i]) found[i] = values[place_of(ids[i])];
}

}  // namespace

std::int64_t handle_id(std::string_view handle) { return static_cast<std::int64_t>(stable_hash(handle)); }

MemberDirectory::MemberDirectory(const service::Base& base, DirectorySizes sizes)
    : store_(base.database),
      cards_(
          sizes.cards, [](const CardRecord&) -> std::size_t { return 1; }, base.coherence.live()),
      profiles_(
          sizes.profiles, [](const Profile&) -> std::size_t { return 1; }, base.coherence.live()),
      hidden_(
          sizes.hidden, [](const UserSet& users) { return 1 + users.size(); }, base.coherence.live()),
      handles_(
          sizes.handles, [](const KnownHandle&) -> std::size_t { return 1; }, base.coherence.live()),
      cards_registration_(cache::keep_coherent(base.coherence, kCardKind, cards_, profiles_)),
      hidden_registration_(cache::keep_coherent(base.coherence, kHiddenKind, hidden_)),
      handles_registration_(cache::keep_coherent(base.coherence, kHandleKind, handles_)) {}

Task<std::vector<CardPointer>> MemberDirectory::cards(std::vector<UserId> ids) {
    std::vector<CardPointer> found(ids.size());
    bool all = true;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        found[i] = cards_.find(ids[i]);
        all = all && found[i];
    }
    if (all) co_return found;
    const auto missing = missing_of(ids, found);
    if (missing.empty()) co_return found;
    const auto tickets = tickets_of(cards_, missing);
    auto read = co_await store_.list_cards(missing);
    fill(cards_, std::move(read), missing, tickets, ids, found);
    co_return found;
}

Task<std::vector<ProfilePointer>> MemberDirectory::profiles(std::vector<UserId> ids) {
    std::vector<ProfilePointer> found(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) found[i] = profiles_.find(ids[i]);
    const auto missing = missing_of(ids, found);
    if (missing.empty()) co_return found;
    const auto tickets = tickets_of(profiles_, missing);
    auto read = co_await store_.list_profiles(missing);
    fill(profiles_, std::move(read), missing, tickets, ids, found);
    co_return found;
}

Task<ProfilePointer> MemberDirectory::profile(UserId user) {
    if (auto warm = profiles_.find(user)) co_return warm;
    std::vector<UserId> ids{user};
    auto found = co_await profiles(std::move(ids));
    co_return std::move(found.front());
}

Task<std::shared_ptr<const UserSet>> MemberDirectory::hidden_from(UserId user) {
    if (auto warm = hidden_.find(user)) co_return warm;
    const auto ticket = hidden_.ticket(user);
    auto read = co_await store_.list_hidden(user);
    auto hidden = std::make_shared<const UserSet>(std::move(read));
    hidden_.put(user, hidden, ticket);
    co_return hidden;
}

Task<UserSet> MemberDirectory::blocked_by(UserId user, std::vector<UserId> others) {
    const auto hidden = co_await hidden_from(user);
    std::erase_if(others, [&](UserId other) { return !hidden->contains(other); });
    if (others.empty()) co_return UserSet{};
    co_return co_await store_.list_blocked(user, std::move(others));
}

Task<bool> MemberDirectory::exists(UserId user) {
    if (cards_.find(user)) co_return true;
    std::vector<UserId> ids{user};
    const auto found = co_await cards(std::move(ids));
    co_return found.front() != nullptr;
}

Task<std::vector<Traits>> MemberDirectory::traits(std::vector<UserId> ids) {
    return store_.list_traits(std::move(ids));
}

Task<bool> MemberDirectory::has_email(UserId user, std::string email) {
    const auto owner = co_await store_.find_user_by_email(std::move(email));
    co_return owner == user;
}

std::shared_ptr<const MemberDirectory::KnownHandle> MemberDirectory::known(const std::string& handle) {
    auto warm = handles_.find(handle_id(handle));
    return warm && warm->handle == handle ? warm : nullptr;
}

Task<std::optional<HandleOwner>> MemberDirectory::owner_of(std::string handle) {
    if (const auto warm = known(handle)) co_return warm->owner;
    const std::int64_t id = handle_id(handle);
    const auto ticket = handles_.ticket(id);
    const auto read = co_await store_.find_handle(handle);
    if (read) handles_.put(id, std::make_shared<const KnownHandle>(std::move(handle), *read), ticket);
    co_return read;
}

Task<std::vector<UserId>> MemberDirectory::ids_of_handles(std::vector<std::string> handles) {
    std::vector<UserId> ids(handles.size());
    std::vector<std::size_t> warm_places;
    std::vector<UserId> warm_owners;
    std::vector<std::size_t> places;
    std::vector<std::string> missing;
    std::vector<cache::Local<std::int64_t, KnownHandle>::Ticket> tickets;
    for (std::size_t i = 0; i < handles.size(); ++i) {
        if (const auto warm = known(handles[i])) {
            warm_places.push_back(i);
            warm_owners.push_back(warm->owner.user_id);
            continue;
        }
        places.push_back(i);
        tickets.push_back(handles_.ticket(handle_id(handles[i])));
        missing.push_back(handles[i]);
    }
    // A handle stays its member's; whether they still go by it, the card knows, which the event of a change drops, too.
    const auto cards_of_owners = co_await cards(warm_owners);
    for (std::size_t i = 0; i < warm_places.size(); ++i) {
        const std::size_t place = warm_places[i];
        if (cards_of_owners[i] && cards_of_owners[i]->handle == handles[place]) ids[place] = warm_owners[i];
    }
    if (missing.empty()) co_return ids;
    const auto read = co_await store_.find_handles(std::move(missing));
    for (std::size_t i = 0; i < read.size(); ++i) {
        if (!read[i]) continue;
        const std::string& handle = handles[places[i]];
        handles_.put(handle_id(handle), std::make_shared<const KnownHandle>(handle, *read[i]), tickets[i]);
        if (read[i]->is_current) ids[places[i]] = read[i]->user_id;
    }
    co_return ids;
}

}  // namespace guildhall::user
