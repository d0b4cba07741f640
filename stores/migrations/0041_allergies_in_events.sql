-- An order's event has what somebody can't eat and the wishes for the kitchen: erased with what else tells of a caller.
create or replace function personal_event_fields() returns text[] language sql immutable parallel safe
    return array['caller', 'customerName', 'target', 'recording', 'allergies', 'notes'];
