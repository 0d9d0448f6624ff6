"""What several verbs have in common. Imports no verb."""
