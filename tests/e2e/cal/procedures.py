"""`/api/trpc/router/procedure`: each takes an input and returns an output, by the names that the web application uses.

The outputs are as small as the rules need; where the application's own is not known, the procedure just says yes.
"""

from office import fail, shown


class Trpc:
    """`/api/trpc/router/procedure`: each takes an input and returns an output."""

    def find(self, call, said):
        return {"booking": shown(call.office.booking(said["bookingUid"]))}

    def listed(self, call, said):
        wanted = {"unconfirmed": "pending", "upcoming": "accepted"}[said["filters"]["status"]]
        found = [one for one in call.office.bookings.values() if one["status"] == wanted]
        return {"bookings": [{**shown(one), "location": one["location"], "user": one["hosts"][0]} for one in found]}

    def edit_location(self, call, said):
        booking = next(one for one in call.office.bookings.values() if one["id"] == said["bookingId"])
        booking["location"] = said["newLocation"]
        return {"message": "Location updated"}

    def confirm(self, call, said):
        booking = next(one for one in call.office.bookings.values() if one["id"] == said["bookingId"])
        if booking["status"] != "pending":
            fail(400, "BAD_REQUEST", "Booking already confirmed")
        booking["status"] = "accepted" if said["confirmed"] else "rejected"
        return {"message": "Booking confirmed", "status": booking["status"].upper()}

    def request_reschedule(self, call, said):
        call.office.booking(said["bookingId"])["status"] = "cancelled"

    def invite(self, call, said):
        return {"usernameOrEmail": said["usernameOrEmail"], "numUsersInvited": 1}

    def list_members(self, call, said):
        of_team = [one for one in call.office.memberships.values() if one["teamId"] == said["teamId"]]
        return {"members": [{"id": one["userId"], "role": one["role"], **one["user"]} for one in of_team]}

    def change_role(self, call, said):
        if call.person()["role"] != "ADMIN":
            fail(403, "FORBIDDEN", "FORBIDDEN")
        of_member = (one for one in call.office.memberships.values() if one["userId"] == said["memberId"])
        membership = next(of_member)
        membership["role"] = said["role"]
        return {**membership, "team": {"id": membership["teamId"], "name": "Support"}}

    def lock(self, call, said):
        if call.person()["role"] != "ADMIN":
            fail(401, "UNAUTHORIZED", "UNAUTHORIZED")
        call.office.people[said["userId"]]["locked"] = said["locked"]
        return {"success": True, **said}

    def change_password(self, call, said):
        if said["oldPassword"] != call.person()["password"]:
            fail(400, "BAD_REQUEST", "incorrect_password")
        call.person()["password"] = said["newPassword"]

    def update_profile(self, call, said):
        changed = said.get("email", call.person()["email"]) != call.person()["email"]
        call.person().update({name: said[name] for name in ("name", "email") if name in said})
        return {**said, "hasEmailBeenChanged": changed, "sendEmailVerification": False}

    def create_key(self, call, said):
        call.office.noted_keys.append({"id": f"key-{call.office.next()}", "note": said["note"]})
        return "cal_live_fedcba9876543210fedcba9876543210"

    def list_keys(self, call, said):
        return call.office.noted_keys

    def delete_key(self, call, said):
        call.office.noted_keys = [key for key in call.office.noted_keys if key["id"] != said["id"]]
        return {"id": said["id"]}

    def create_workflow(self, call, said):
        serial = call.office.next()
        call.office.workflows[serial] = dict(id=serial, name="", trigger="BEFORE_EVENT", teamId=said.get("teamId"))
        return {"workflow": call.office.workflows[serial]}

    def workflow(self, call, said):
        return call.office.workflows.get(said["id"]) or fail(404, "NOT_FOUND", "NOT_FOUND")

    def update_workflow(self, call, said):
        self.workflow(call, said).update(name=said["name"], trigger=said["trigger"])
        return {"workflow": call.office.workflows[said["id"]]}

    def delete_workflow(self, call, said):
        call.office.workflows.pop(self.workflow(call, said)["id"])
        return {"id": said["id"]}

    def event_type(self, call, said):
        return {"eventType": call.office.event_types.get(said["id"]) or fail(404, "NOT_FOUND", "NOT_FOUND")}

    def create_event_type(self, call, said):
        serial = call.office.next()
        call.office.event_types[serial] = {"id": serial, "hidden": False, **said}
        return {"eventType": call.office.event_types[serial]}

    def delete_event_type(self, call, said):
        return call.office.event_types.pop(self.event_type(call, said)["eventType"]["id"])

    def update_event_type(self, call, said):
        self.event_type(call, said)["eventType"].update(said)
        return self.event_type(call, said)

    def done(self, call, said):
        return {"success": True}

    ROUTES = {
        "bookings/find": find, "bookings/get": listed, "bookings/confirm": confirm,
        "bookings/requestReschedule": request_reschedule,
        "bookings/addGuests": done, "bookings/editLocation": edit_location, "loggedInViewerRouter/markNoShow": done,
        "teams/roundRobinManualReassign": done, "teams/inviteMember": invite, "teams/listMembers": list_members,
        "teams/changeMemberRole": change_role, "teams/removeMember": done, "admin/lockUserAccount": lock,
        "auth/changePassword": change_password, "me/updateProfile": update_profile,
        "apiKeys/create": create_key, "apiKeys/list": list_keys, "apiKeys/delete": delete_key,
        "workflows/create": create_workflow, "workflows/get": workflow, "workflows/update": update_workflow,
        "workflows/delete": delete_workflow, "eventTypes/get": event_type,
        "eventTypesHeavy/create": create_event_type, "eventTypes/delete": delete_event_type,
        "eventTypesHeavy/update": update_event_type,
        "webhook/create": done,
    }
