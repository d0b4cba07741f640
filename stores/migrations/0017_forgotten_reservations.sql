-- Who booked is forgotten some days after the table was free again; the booking stays.
create index reservation_with_words on reservation (ends_at)
    where name_encrypted is not null or note <> '' or customer_id is not null;
